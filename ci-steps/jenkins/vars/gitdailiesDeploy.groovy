// Report a deploy to GitDailies: gitdailiesDeploy environment: 'production', service: 'checkout'
// Each argument is an input of the step. credentialsId names the secret text that has the webhook key.

def call(Map given = [:]) {
  Map inputs = new LinkedHashMap(given)
  String credentials = inputs.remove('credentialsId') ?: 'gitdailies-webhook-key'
  List known = [@ARGUMENTS@]
  List unknown = inputs.keySet().findAll { !known.contains(it.toString()) }.collect { it.toString() }
  if (unknown) {
    error "gitdailiesDeploy: expected arguments of ${known.join(', ')}, got ${unknown.join(', ')}"
  }
  List variables = inputs.collect { name, value ->
    'GITDAILIES_' + name.toString().replaceAll('([A-Z])', '_$1').toUpperCase() + '=' + value
  }
  try {
    withCredentials([string(credentialsId: credentials, variable: 'GITDAILIES_WEBHOOK_KEY')]) {
      withEnv(variables + "GITDAILIES_LIBRARY=${pwd(tmp: true)}") {
        report()
      }
    }
  } catch (org.jenkinsci.plugins.workflow.steps.FlowInterruptedException stopped) {
    throw stopped
  } catch (Exception problem) {
    // A deploy never fails for its report, also where the credential is missing.
    if (inputs.failOnError?.toString() in ['true', '1', 'yes', 'on']) {
      throw problem
    }
    echo "GitDailies: WARNING: deploy not reported: ${problem.message}"
  }
}

// Write the script beside the workspace, and run it.
private void report() {
  String name = isUnix() ? 'report_deploy.sh' : 'report_deploy.ps1'
  writeFile file: "${env.GITDAILIES_LIBRARY}/${name}", text: libraryResource("gitdailies/${name}")
  if (isUnix()) {
    sh 'sh "$GITDAILIES_LIBRARY/report_deploy.sh"'
  } else {
    bat '@powershell -NoProfile -ExecutionPolicy Bypass -File "%GITDAILIES_LIBRARY%\\report_deploy.ps1"'
  }
}
