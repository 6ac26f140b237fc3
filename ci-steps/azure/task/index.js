// Runs the script of this folder with the task's inputs as its variables. Node's own modules alone.
'use strict';

const {spawnSync} = require('child_process');
const path = require('path');

const NAMES = require('./task.json').inputs.map((input) => input.name);

// The agent passes an input as INPUT_NAME in capitals. An unknown reference stays as it is.
function variables(environ) {
  const found = {...environ};
  for (const name of NAMES) {
    const passed = `INPUT_${name.toUpperCase()}`;
    const variable = `GITDAILIES_${name.replace(/[A-Z]/g, '_$&').toUpperCase()}`;
    const text = (environ[passed] || '').trim();
    delete found[passed];
    if (text && !/^\$\([^()]*\)$/.test(text)) {
      found[variable] = text;
    }
  }
  // The agent also passes an input that the task does not have. The script says if it is a typing error of one.
  for (const passed of Object.keys(found).filter((name) => name.startsWith('INPUT_'))) {
    found[`GITDAILIES_${passed.slice('INPUT_'.length)}`] = found[passed];
  }
  return found;
}

const windows = process.platform === 'win32';
const script = path.join(__dirname, windows ? 'report_deploy.ps1' : 'report_deploy.sh');
const [program, options] = windows
  ? ['powershell', ['-NoProfile', '-ExecutionPolicy', 'Bypass', '-File']]
  : ['sh', []];
const env = variables(process.env);
const done = spawnSync(program, [...options, script], {env, stdio: ['ignore', 'inherit', 'inherit']});
const strict = ['true', '1', 'yes', 'on'].includes((env.GITDAILIES_FAIL_ON_ERROR || '').toLowerCase());
if (done.error) {
  const level = strict ? 'error' : 'warning';
  console.log(`##vso[task.logissue type=${level}]GitDailies: ${level.toUpperCase()}: deploy not reported: ${program} did not start`);
}
process.exitCode = strict ? (done.status === null ? 1 : done.status) : 0;
if (process.exitCode) {
  console.log('##vso[task.complete result=Failed;]');
}
