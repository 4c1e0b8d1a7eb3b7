// Starts `tact lsp` for YAML, and ends it with the window.
'use strict';

const vscode = require('vscode');
const { LanguageClient } = require('vscode-languageclient/node');

const YAML = 'redhat.vscode-yaml';

let client;

function serverOf(folder) {
  const [command, ...args] = vscode.workspace.getConfiguration('tact').get('command');
  return { command, args, options: { cwd: folder } };
}

async function activate(context) {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  // Two servers would offer every key twice: with the other one, keys and values come from the schema.
  const keysAndValues = vscode.extensions.getExtension(YAML) === undefined;
  client = new LanguageClient('tact', 'Tact', serverOf(folder), {
    documentSelector: [{ scheme: 'file', language: 'yaml' }],
    initializationOptions: { keysAndValues },
  });
  context.subscriptions.push(client);
  try {
    await client.start();
  } catch (error) {
    const message = `Tact's language server did not start: ${error.message}. `;
    const hint = "Install it (pip install 'tact[editor]'), or say in the setting tact.command where it is.";
    vscode.window.showErrorMessage(message + hint);
  }
}

module.exports = { activate };
