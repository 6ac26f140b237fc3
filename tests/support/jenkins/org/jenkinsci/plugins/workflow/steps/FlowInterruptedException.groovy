package org.jenkinsci.plugins.workflow.steps

/** Stands for what Jenkins throws into a build that is stopped. */
class FlowInterruptedException extends Exception {
  FlowInterruptedException(String message) {
    super(message)
  }
}
