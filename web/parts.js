// Parts of a page that come from the console as HTML: what a form with data-into gives, and what a part with data-poll
// has become. Texts in them are escaped by the console; scripts in them do not run.
const POLL = 700 // milliseconds

const put = (target, html) => {
  target.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes)
  watch(target)
}

// Asks again and again what has become of a part, until it says nothing of asking.
export const watch = (target) => {
  const polled = target.querySelector("[data-poll]")
  if (!polled) return
  setTimeout(async () => {
    if (!polled.isConnected) return
    const response = await fetch(`${polled.dataset.poll}?part=yes`).catch(() => null)
    if (response && response.ok) put(target, await response.text())
    else watch(target)
  }, POLL)
}

// Sends the form, and shows the answer where data-into says. failed: what to say where there is none.
export const send = async (form, failed) => {
  const target = document.getElementById(form.dataset.into)
  const fields = new URLSearchParams(new FormData(form))
  fields.set("part", "yes")
  target.setAttribute("aria-busy", "true")
  const response = await fetch(form.action, { method: "POST", body: fields }).catch(() => null)
  if (response) {
    const html = await response.text()
    const parsed = new DOMParser().parseFromString(html, "text/html")
    const alert = !response.ok && parsed.querySelector("[role=alert]")
    put(target, alert ? alert.outerHTML : response.ok ? html : "")
  } else target.textContent = failed
  target.removeAttribute("aria-busy")
}
