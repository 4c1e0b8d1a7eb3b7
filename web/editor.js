// The editor of a draft: its files in CodeMirror, what the language server says of them, saving, and merging.
//
// The element #editor has what it needs in data-*; #editor-files is a script element of type application/json with the
// files by name, and #editor-words the texts of this page by key.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete"
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands"
import { yaml } from "@codemirror/lang-yaml"
import { bracketMatching, foldGutter, foldKeymap, indentOnInput, syntaxHighlighting } from "@codemirror/language"
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint"
import {
  LSPClient, LSPPlugin, Workspace, findReferencesKeymap, hoverTooltips, jumpToDefinitionKeymap, renameKeymap, serverCompletion,
} from "@codemirror/lsp-client"
import { MergeView } from "@codemirror/merge"
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search"
import { EditorState, StateEffect, StateField } from "@codemirror/state"
import {
  Decoration, EditorView, ViewPlugin, WidgetType, drawSelection, highlightActiveLine, highlightSpecialChars, keymap, lineNumbers,
} from "@codemirror/view"
import { classHighlighter } from "@lezer/highlight"
import { send, watch } from "./parts.js"

const SYNC = 150 // milliseconds after a change until the language server gets it
const ROOT = "draft:///"
const MOST_FIXES = 20
const DELETED = 3 // of a change of files, in the protocol
const LONGEST_NAME = 300 // characters
const LONGEST_PART = 255 // bytes
const SAVED = "tact/saved" // what the console is told after a saving, and what it says when lenses have changed
const SUMMARISED = "tact/summarised"
const ANSWER = 60000 // milliseconds within which the language server answers; it may still be starting

const element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

// as the server has it, which refuses others when they are saved: the language server would not survive one
const isFileName = (name) => {
  const parts = name.split("/")
  return [...name].length <= LONGEST_NAME && name.isWellFormed() && !/[\p{C}\\]|(?! )\p{Z}/u.test(name) &&
    /\.(ya?ml|csv)$/i.test(name) && parts.every((part) => part !== "" && !part.startsWith(".") && bytes(part) <= LONGEST_PART) &&
    !(parts[0] === "tests" && parts[1] === "tests")
}

const bytes = (text) => new TextEncoder().encode(text).length

const json = (id) => JSON.parse(document.getElementById(id).textContent)

// hover texts are Markdown with names and texts of the book in them: only these elements are kept, without attributes
const KEPT = new Set(["P", "STRONG", "EM", "CODE", "PRE", "UL", "OL", "LI", "BR", "HR", "TABLE", "THEAD", "TBODY", "TR", "TH", "TD"])
const sanitizeHTML = (html) => {
  const parsed = new DOMParser().parseFromString(html, "text/html")
  const clean = (node) => {
    for (const child of [...node.childNodes]) {
      if (child.nodeType === Node.TEXT_NODE) continue
      if (child.nodeType !== Node.ELEMENT_NODE || !KEPT.has(child.tagName)) {
        child.replaceWith(document.createTextNode(child.textContent || ""))
        continue
      }
      for (const { name } of [...child.attributes]) child.removeAttribute(name)
      clean(child)
    }
  }
  clean(parsed.body)
  return parsed.body.innerHTML
}

// All files of a draft, of which one is in the view. All are open for the server, so that it knows what is typed in each.
class DraftWorkspace extends Workspace {
  constructor(client, editor) {
    super(client)
    this.editor = editor
    this.files = []
  }

  add(name, text) {
    const workspace = this
    const uri = ROOT + encodeURI(name)
    const file = {
      uri, name, languageId: "yaml", version: 0, doc: EditorState.create({ doc: text }).doc, state: null, pending: null,
      getView: () => (workspace.editor.current === file ? workspace.editor.view : null),
    }
    this.files.push(file)
    return file
  }

  // the file with the section `book` first: by it the server knows which folder is a book
  connected() {
    const isHead = (file) => /^["']?book["']?\s*:/m.test(file.doc.toString())
    const heads = this.files.filter(isHead)
    for (const file of [...heads, ...this.files.filter((other) => !heads.includes(other))]) this.client.didOpen(file)
  }

  syncFiles() {
    const updates = []
    for (const file of this.files) {
      const view = file.getView()
      const plugin = view && LSPPlugin.get(view)
      const changes = plugin ? plugin.unsyncedChanges : file.pending
      if (!changes || changes.empty) continue
      updates.push({ file, prevDoc: file.doc, changes })
      file.doc = view ? view.state.doc : file.state.doc
      file.version += 1
      file.pending = null
      if (plugin) plugin.clear()
    }
    return updates
  }

  // the view comes and goes with the file that is shown; for the server all of them stay open
  openFile() {}
  closeFile() {}

  updateFile(uri, update) {
    const file = this.getFile(uri)
    if (!file) return
    const view = file.getView()
    if (view) return view.dispatch(update)
    const transaction = file.state.update(update)
    file.pending = file.pending ? file.pending.compose(transaction.changes) : transaction.changes
    file.state = transaction.state
    this.editor.changed()
  }

  async displayFile(uri) {
    const file = this.getFile(uri)
    if (!file) return null
    this.editor.show(file)
    return this.editor.view
  }
}

// What is known of a campaign, above the line at which it begins.
class LensWidget extends WidgetType {
  constructor(words) {
    super()
    this.words = words
  }

  eq(other) {
    return other.words === this.words
  }

  toDOM() {
    return element("div", { class: "cm-lens" }, this.words)
  }
}

const showLenses = StateEffect.define()
const lensField = StateField.define({
  create: () => Decoration.none,
  update(shown, transaction) {
    for (const effect of transaction.effects) {
      if (!effect.is(showLenses)) continue
      const { doc } = transaction.state
      const widgets = effect.value.map(({ range, command }) => {
        const { from } = doc.line(Math.min(range.start.line + 1, doc.lines))
        return Decoration.widget({ widget: new LensWidget(command.title), block: true, side: -1 }).range(from)
      })
      return Decoration.set(widgets, true)
    }
    return shown.map(transaction.changes)
  },
  provide: (field) => EditorView.decorations.from(field),
})

// Tells the server what was typed, soon after it was.
const syncSoon = (client, editor) =>
  ViewPlugin.fromClass(
    class {
      update(update) {
        if (!update.docChanged) return
        editor.changed()
        clearTimeout(this.timer)
        this.timer = setTimeout(() => client.sync(), SYNC)
      }
      destroy() {
        clearTimeout(this.timer)
        client.sync()
      }
    },
  )

class DraftEditor {
  constructor(root) {
    this.root = root
    this.words = json("editor-words")
    this.revision = root.dataset.revision
    this.name = root.dataset.draft
    this.readOnly = root.dataset.readonly === "true"
    this.problems = new Map()
    this.current = null
    this.client = new LSPClient({
      rootUri: ROOT,
      timeout: ANSWER,
      sanitizeHTML,
      highlightLanguage: () => null,
      workspace: (client) => new DraftWorkspace(client, this),
      notificationHandlers: {
        "textDocument/publishDiagnostics": (_, params) => {
          this.problems.set(params.uri, params.diagnostics)
          this.showProblems()
          if (this.current && this.current.uri === params.uri) {
            this.markProblems()
            this.markLenses()
          }
          return true
        },
        [SUMMARISED]: () => {
          this.markLenses()
          return true
        },
      },
      extensions: [
        serverCompletion({ override: true }), hoverTooltips(),
        keymap.of([...jumpToDefinitionKeymap, ...renameKeymap, ...findReferencesKeymap]),
      ],
    })
    for (const [name, text] of Object.entries(json("editor-files"))) this.addFile(name, text)
    this.saved = this.contents()
    this.listFiles()
    this.showFirst()
    this.connect()
    this.listen()
  }

  addFile(name, text) {
    const file = this.client.workspace.add(name, text)
    file.state = EditorState.create({ doc: text, extensions: this.extensions(file) })
    return file
  }

  extensions(file) {
    return [
      lineNumbers(), foldGutter(), lintGutter(), highlightSpecialChars(), history(), drawSelection(), indentOnInput(),
      bracketMatching(), closeBrackets(), autocompletion(), highlightActiveLine(), highlightSelectionMatches(),
      syntaxHighlighting(classHighlighter), EditorView.lineWrapping, yaml(), lensField,
      EditorState.readOnly.of(this.readOnly),
      EditorView.contentAttributes.of({
        "aria-label": `${this.words.file} ${file.name}`, role: "textbox", "aria-multiline": "true", tabindex: "0",
      }),
      keymap.of([
        { key: "Mod-s", run: () => (this.save(), true), preventDefault: true },
        { key: "Mod-.", run: () => (this.fixAtCursor(), true) },
        { key: "Mod-i", run: () => (this.sayReach(), true), preventDefault: true },
        ...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap, ...completionKeymap, ...lintKeymap,
      ]),
      this.client.plugin(file.uri, "yaml"),
      syncSoon(this.client, this),
    ]
  }

  showFirst() {
    const files = this.client.workspace.files
    const wanted = decodeURIComponent(location.hash.slice(1))
    this.show(files.find((file) => file.name === wanted) || files[0])
  }

  show(file) {
    if (!file || file === this.current) return
    this.client.sync()
    if (this.current) this.current.state = this.view.state
    this.current = file
    const renaming = document.getElementById("editor-rename")
    if (renaming) renaming.elements.namedItem("file").value = file.name
    if (this.view) this.view.setState(file.state)
    else this.view = new EditorView({ state: file.state, parent: this.root })
    remember(file.name)
    this.listFiles()
    this.markProblems()
    this.markLenses()
    this.view.focus()
  }

  contents() {
    const files = {}
    for (const file of this.client.workspace.files) {
      files[file.name] = (file === this.current ? this.view.state : file.state).doc.toString()
    }
    return files
  }

  isDirty() {
    const files = this.contents()
    const names = Object.keys(files)
    return names.length !== Object.keys(this.saved).length || names.some((name) => files[name] !== this.saved[name])
  }

  // ------------------------------------------------------------------ language server

  connect() {
    const handlers = new Set()
    const url = new URL(this.root.dataset.lsp, location.href)
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:"
    const socket = new WebSocket(url)
    socket.addEventListener("message", (event) => handlers.forEach((handler) => handler(event.data)))
    socket.addEventListener("open", () => {
      this.client.connect({
        send: (message) => socket.readyState === WebSocket.OPEN && socket.send(message),
        subscribe: (handler) => handlers.add(handler),
        unsubscribe: (handler) => handlers.delete(handler),
      })
      this.client.initializing.then(() => {
        this.root.dataset.server = "ready"
        this.markLenses()
      })
    })
    socket.addEventListener("close", () => {
      this.root.dataset.server = "gone"
      this.client.disconnect()
      this.say(this.words.no_server)
    })
  }

  ranges(diagnostic, doc) {
    const at = (position) => {
      const line = doc.line(Math.min(position.line + 1, doc.lines))
      return Math.min(line.from + position.character, line.to)
    }
    const from = at(diagnostic.range.start)
    return { from, to: Math.max(from, at(diagnostic.range.end)) }
  }

  async markProblems() {
    const file = this.current
    const diagnostics = this.problems.get(file.uri) || []
    this.dispatchProblems(file, diagnostics, [])
    const fixes = await Promise.all(diagnostics.slice(0, MOST_FIXES).map((diagnostic) => this.fixesOf(file, diagnostic)))
    if (fixes.some((of) => of.length) && this.problems.get(file.uri) === diagnostics && file === this.current) {
      this.dispatchProblems(file, diagnostics, fixes)
      this.showProblems()
    }
  }

  dispatchProblems(file, diagnostics, fixes) {
    const doc = this.view.state.doc
    const severities = ["error", "error", "warning", "info", "hint"]
    const marked = diagnostics.map((diagnostic, index) => ({
      ...this.ranges(diagnostic, doc),
      severity: severities[diagnostic.severity] || "error",
      message: diagnostic.message,
      actions: (fixes[index] || []).map((fix) => ({ name: fix.title, apply: () => this.apply(fix.edit) })),
    }))
    file.fixes = fixes
    this.view.dispatch(setDiagnostics(this.view.state, marked))
  }

  async fixesOf(file, diagnostic) {
    try {
      const actions = await this.client.request("textDocument/codeAction", {
        textDocument: { uri: file.uri },
        range: diagnostic.range,
        context: { diagnostics: [diagnostic] },
      })
      return (actions || []).filter((action) => action.edit && sameProblem(action, diagnostic))
    } catch {
      return [] // the server went, or answered too late: the problem is shown without a fix
    }
  }

  // asks for what stands above campaigns; where the text has changed meanwhile, the next problems bring the next answer
  async markLenses() {
    const file = this.current
    if (!this.client.connected || this.root.dataset.server !== "ready") return
    this.client.sync()
    const { version } = file
    const lenses = await this.client.request("textDocument/codeLens", { textDocument: { uri: file.uri } }).catch(() => null)
    if (!lenses || file !== this.current || file.version !== version) return
    const known = lenses.filter((lens) => lens.command)
    this.view.dispatch({ effects: showLenses.of(known) })
    this.root.dataset.lenses = known.length
  }

  // of the campaign in which the cursor stands: the nearest lens above it
  sayReach() {
    const { state } = this.view
    const { to } = state.doc.lineAt(state.selection.main.head)
    let words = ""
    state.field(lensField).between(0, to, (from, _, { spec }) => {
      words = `${state.doc.lineAt(from).text.trim().split(/:(?: |$)/)[0]}: ${spec.widget.words}`
    })
    this.say(words || this.words.no_reach)
  }

  async fixAtCursor() {
    const line = this.view.state.doc.lineAt(this.view.state.selection.main.head).number - 1
    const diagnostics = (this.problems.get(this.current.uri) || []).filter((diagnostic) => diagnostic.range.start.line === line)
    for (const diagnostic of diagnostics) {
      const fixes = await this.fixesOf(this.current, diagnostic)
      if (fixes.length) return this.apply(fixes[0].edit)
    }
    this.say(this.words.no_fix)
  }

  apply(edit) {
    for (const [uri, edits] of Object.entries(edit.changes || {})) {
      const file = this.client.workspace.getFile(uri)
      if (!file) continue
      const doc = (file === this.current ? this.view.state : file.state).doc
      const changes = edits.map((change) => ({ ...this.ranges({ range: change.range }, doc), insert: change.newText }))
      this.client.workspace.updateFile(uri, { changes })
    }
    this.client.sync()
    this.view.focus()
  }

  showProblems() {
    const list = document.getElementById("editor-problems")
    const rows = []
    for (const file of this.client.workspace.files) {
      for (const [index, diagnostic] of (this.problems.get(file.uri) || []).entries()) {
        const where = `${file.name}:${diagnostic.range.start.line + 1}`
        const go = element("button", { type: "button", class: "link" }, where)
        go.addEventListener("click", () => this.goTo(file, diagnostic.range.start))
        const level = ["error", "error", "warning", "note"][diagnostic.severity] || "note"
        const row = element("li", { class: `problem ${level}` }, go, ` ${this.words[level]}: ${diagnostic.message}`)
        for (const fix of (file.fixes || [])[index] || []) {
          const button = element("button", { type: "button", class: "fix" }, fix.title)
          button.addEventListener("click", () => this.apply(fix.edit))
          row.append(" ", button)
        }
        rows.push(row)
      }
    }
    list.replaceChildren(...(rows.length ? rows : [element("li", {}, this.words.no_problems)]))
    this.root.dataset.problems = rows.length
  }

  goTo(file, position) {
    this.show(file)
    const { from } = this.ranges({ range: { start: position, end: position } }, this.view.state.doc)
    this.view.dispatch({ selection: { anchor: from }, scrollIntoView: true })
    this.view.focus()
  }

  // ------------------------------------------------------------------ files

  listFiles() {
    const list = document.getElementById("editor-files-list")
    const rows = this.client.workspace.files.map((file) => {
      const button = element("button", { type: "button", class: "link" }, file.name)
      if (file === this.current) button.setAttribute("aria-current", "true")
      button.addEventListener("click", () => this.show(file))
      return element("li", {}, button)
    })
    list.replaceChildren(...rows)
  }

  newFile(name) {
    if (!this.isFree(name)) return
    this.show(this.openNew(name, ""))
    this.changed()
  }

  // whether a file may be called so; says why where it may not
  isFree(name) {
    const within = (file, folder) => file.startsWith(`${folder}/`)
    if (!isFileName(name)) this.say(this.words.wrong_name)
    else if (this.client.workspace.files.some((file) => file.name === name)) this.say(this.words.there_already)
    else if (this.client.workspace.files.some((file) => within(file.name, name) || within(name, file.name))) this.say(this.words.is_folder)
    else return true
    return false
  }

  openNew(name, text) {
    const file = this.addFile(name, text)
    if (this.client.connected) this.client.didOpen(file)
    return file
  }

  // takes a file out of the draft, and has the language server forget it; it goes when the draft is saved
  remove(file) {
    const { workspace } = this.client
    workspace.files = workspace.files.filter((other) => other !== file)
    this.problems.delete(file.uri)
    if (!this.client.connected) return
    this.client.didClose(file.uri)
    this.client.notification("workspace/didChangeWatchedFiles", { changes: [{ uri: file.uri, type: DELETED }] })
  }

  renameFile(name) {
    const old = this.current
    if (name === old.name || !this.isFree(name)) return
    this.client.sync()
    const text = this.view.state.doc.toString()
    const selection = this.view.state.selection.main.head
    this.remove(old)
    const renamed = this.openNew(name, text)
    this.show(renamed)
    this.view.dispatch({ selection: { anchor: selection }, scrollIntoView: true })
    this.afterRemoval(this.words.was_renamed)
  }

  deleteFile() {
    const old = this.current
    const next = this.client.workspace.files.find((file) => file !== old)
    if (!next) return this.say(this.words.last_file)
    if (!window.confirm(`${old.name}: ${this.words.delete_sure}`)) return
    this.show(next)
    this.remove(old)
    this.afterRemoval(`${old.name}: ${this.words.was_deleted}`)
  }

  afterRemoval(sentence) {
    this.listFiles()
    this.showProblems()
    this.changed()
    this.say(sentence)
  }

  changed() {
    document.getElementById("editor-state").textContent = this.isDirty() ? this.words.unsaved : this.words.saved
  }

  say(text) {
    document.getElementById("editor-message").textContent = text
  }

  // ------------------------------------------------------------------ saving

  listen() {
    const on = (id, event, listener) => document.getElementById(id)?.addEventListener(event, listener)
    on("editor-save", "click", () => this.save())
    on("editor-fix", "click", () => this.fixAtCursor())
    on("editor-reach", "click", () => this.sayReach())
    on("editor-new", "submit", (event) => {
      event.preventDefault()
      const input = event.target.elements.namedItem("file")
      this.newFile(input.value.trim())
      input.value = ""
    })
    on("editor-rename", "submit", (event) => {
      event.preventDefault()
      const input = event.target.elements.namedItem("file")
      this.renameFile(input.value.trim())
    })
    on("editor-delete", "click", () => this.deleteFile())
    window.addEventListener("beforeunload", (event) => this.isDirty() && event.preventDefault())
    for (const form of document.querySelectorAll("form[data-into]")) {
      form.addEventListener("submit", (event) => {
        event.preventDefault()
        this.sendPart(form)
      })
    }
    document.addEventListener("click", (event) => {
      const button = event.target.closest("[data-keep-file]")
      if (!button) return
      const text = button.parentElement.querySelector("pre").textContent
      this.replace(button.dataset.keepFile, text)
      this.show(this.client.workspace.files.find((file) => file.name === button.dataset.keepFile))
      this.changed()
    })
    for (const form of document.querySelectorAll("form[data-confirm]")) {
      form.addEventListener("submit", (event) => window.confirm(form.dataset.confirm) || event.preventDefault())
    }
    // forms that act on what is kept: first keep what is typed
    for (const form of document.querySelectorAll("form[data-saves]")) {
      form.addEventListener("submit", async (event) => {
        const field = form.elements.namedItem("expected")
        if (field) field.value = this.revision
        if (!this.isDirty()) return
        event.preventDefault()
        // only after a wait: a form that is being submitted ignores requests to submit it
        if (await this.save()) form.requestSubmit(event.submitter)
      })
    }
  }

  // forms whose answer is a part of this page: it is about what is typed, so that is kept first
  async sendPart(form) {
    if (!this.isDirty() || this.readOnly || (await this.save())) await send(form, this.words.not_done)
  }

  async save() {
    if (this.readOnly) return false
    const files = this.contents()
    this.say(this.words.saving)
    const response = await fetch(this.root.dataset.save, {
      method: "POST",
      body: new URLSearchParams({ expected: this.revision, base: this.root.dataset.base, files: JSON.stringify(files) }),
    }).catch(() => null)
    const answer = response && (await response.json().catch(() => null))
    if (response && response.status === 409 && answer && answer.draft) return this.merge(answer.draft, answer.message)
    if (!response || !response.ok || !answer) {
      this.say((answer && answer.message) || this.words.not_saved)
      return false
    }
    this.revision = answer.revision
    this.root.dataset.revision = answer.revision
    this.saved = files
    for (const field of document.querySelectorAll("input[name=expected]")) field.value = this.revision
    this.changed()
    this.say(this.words.was_saved)
    if (this.client.connected) this.client.notification(SAVED, {})
    this.checkSaved()
    return true
  }

  async checkSaved() {
    const panel = document.getElementById("editor-checked")
    if (!panel) return
    panel.setAttribute("aria-busy", "true")
    const response = await fetch(panel.dataset.check, { method: "POST", body: new URLSearchParams() }).catch(() => null)
    if (response && response.ok) panel.replaceChildren(...new DOMParser().parseFromString(await response.text(), "text/html").body.childNodes)
    else panel.textContent = this.words.not_checked
    panel.removeAttribute("aria-busy")
  }

  // ------------------------------------------------------------------ merging

  // Somebody else saved the draft meanwhile: takes over what only they changed, and shows theirs beside what is typed here where
  // both changed a file; where there is none of these, it is saved at once.
  async merge(theirs, message) {
    const mine = this.contents()
    const { taken, gone, conflicts } = mergedFiles(this.saved, mine, theirs.files)
    const views = []
    const keep = () => {
      for (const { name, view } of views) this.replace(name, view.b.state.doc.toString())
      for (const name of taken) this.replace(name, theirs.files[name])
      for (const name of gone) this.removeNamed(name)
      this.listFiles()
      this.showProblems()
      this.revision = theirs.revision
      this.saved = theirs.files
      return this.save()
    }
    const names = [...taken, ...gone]
    const said = names.length ? [this.words.taken, names.join(", ")].join(" ") : ""
    if (!conflicts.length) {
      if (await keep()) this.say([this.words.was_saved, message, said].join(" "))
      return false // what was to follow the saving does not: theirs is new to whoever sits here
    }
    const dialog = document.getElementById("editor-merge")
    const body = dialog.querySelector("[data-merge]")
    body.replaceChildren()
    dialog.querySelector("[data-why]").textContent = message
    dialog.querySelector("[data-taken]").textContent = said
    for (const name of conflicts) views.push({ name, view: this.mergeView(name, mine[name], theirs.files[name], body) })
    dialog.querySelector("[data-keep]").onclick = () => {
      dialog.close()
      keep()
    }
    dialog.querySelector("[data-cancel]").onclick = () => dialog.close()
    dialog.onclose = () => views.forEach(({ view }) => view.destroy())
    this.say(message)
    dialog.showModal()
    return false
  }

  // theirs on the left, mine on the right; undefined: who deleted the file, which stays
  mergeView(name, mine, theirs, body) {
    const extensions = (label, readOnly) => [
      lineNumbers(), history(), yaml(), syntaxHighlighting(classHighlighter), EditorView.lineWrapping,
      EditorState.readOnly.of(readOnly), EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
      keymap.of([...defaultKeymap, ...historyKeymap]),
    ]
    const parent = element("div", { class: "merge" })
    body.append(element("h3", {}, name))
    if (theirs === undefined) body.append(element("p", {}, this.words.they_deleted))
    if (mine === undefined) body.append(element("p", {}, this.words.you_deleted))
    body.append(parent)
    return new MergeView({
      a: { doc: theirs ?? "", extensions: extensions(`${this.words.theirs} ${name}`, true) },
      b: { doc: mine ?? theirs, extensions: extensions(`${this.words.mine} ${name}`, false) },
      parent, revertControls: "a-to-b", gutter: true,
      renderRevertControl: () => element("button", { type: "button", "aria-label": this.words.take_theirs }, "→"),
    })
  }

  removeNamed(name) {
    const file = this.client.workspace.files.find((known) => known.name === name)
    const next = this.client.workspace.files.find((known) => known !== file)
    if (!file || !next) return
    if (file === this.current) this.show(next)
    this.remove(file)
  }

  replace(name, text) {
    const file = this.client.workspace.files.find((known) => known.name === name)
    if (!file) {
      this.openNew(name, text)
      this.listFiles()
      return
    }
    const doc = (file === this.current ? this.view.state : file.state).doc
    this.client.workspace.updateFile(file.uri, { changes: { from: 0, to: doc.length, insert: text } })
  }
}

// what becomes of the files where two changed what was saved before: those that only they changed or added are taken, those
// that only they deleted are gone, and those that both changed, each in another way, are conflicts
const mergedFiles = (before, mine, theirs) => {
  const names = [...new Set([...Object.keys(mine), ...Object.keys(theirs)])].filter((name) => mine[name] !== theirs[name])
  const onlyTheirs = names.filter((name) => mine[name] === before[name])
  return {
    taken: onlyTheirs.filter((name) => name in theirs),
    gone: onlyTheirs.filter((name) => !(name in theirs)),
    conflicts: names.filter((name) => mine[name] !== before[name] && theirs[name] !== before[name]),
  }
}

// so that a reload shows the same file
const remember = (name) => window.history.replaceState(null, "", `#${encodeURIComponent(name)}`)

const sameProblem = (action, diagnostic) =>
  (action.diagnostics || []).some(
    (of) => of.code === diagnostic.code && JSON.stringify(of.range) === JSON.stringify(diagnostic.range),
  )

const start = () => {
  const root = document.getElementById("editor")
  if (root) root.editor = new DraftEditor(root)
  document.querySelectorAll("[role=status]").forEach(watch)
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start)
else start()
