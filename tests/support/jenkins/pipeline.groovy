// Runs a step of a shared library with Jenkins' own steps as closures; `sh` starts a real shell.
// Arguments: the library's folder, unix or windows, what withCredentials does, the step's arguments as JSON.

import groovy.json.JsonSlurper
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

def (library, machine, credentials, given) = args as List
def environ = [:] + System.getenv()
def steps = [
  env: environ,
  isUnix: { -> machine == 'unix' },
  pwd: { Map options -> assert options.tmp; System.getenv('TMP_OF_JOB') },
  echo: { text -> println text },
  error: { text -> throw new Exception(text.toString()) },
  string: { Map binding -> binding },
  libraryResource: { path -> new File("$library/resources/$path").text },
  writeFile: { Map file -> new File(file.file.toString()).text = file.text },
  bat: { line -> println "bat: $line" },
]
steps.withCredentials = { List bindings, Closure body ->
  if (credentials == 'missing') { throw new Exception("Could not find credentials entry with ID '${bindings[0].credentialsId}'") }
  if (credentials == 'stopped') { throw new FlowInterruptedException('stopped') }
  environ[bindings[0].variable] = "$credentials of ${bindings[0].credentialsId}".toString().tokenize(' ')[0]
  body()
}
steps.withEnv = { List variables, Closure body ->
  variables.each { one -> def (name, value) = one.toString().split('=', 2); environ[name] = value }
  body()
}
steps.sh = { line ->
  def process = new ProcessBuilder('sh', '-c', line.toString()).redirectErrorStream(true)
  process.environment().clear()
  process.environment().putAll(environ)
  def started = process.start()
  print started.inputStream.text
  if (started.waitFor()) { throw new Exception("script returned exit code ${started.exitValue()}") }
}
def script = new GroovyShell(this.class.classLoader, new Binding(steps)).parse(new File("$library/vars/gitdailiesDeploy.groovy"))
try {
  script.call(new JsonSlurper().parseText(given) as Map)
} catch (FlowInterruptedException stopped) {
  println 'the build is stopped'
  System.exit(143)
} catch (Exception problem) {
  println "the build fails: ${problem.message}"
  System.exit(1)
}
