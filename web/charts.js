// Draws the page's Vega-Lite charts. A chart is an element with data-chart, the id of a script element of type
// application/json that holds its specification with its data.
import embed from "vega-embed"
import { expressionInterpreter } from "vega-interpreter"

// pages bring their data with them: nothing is fetched, whatever a specification names
const loader = {
  load: () => Promise.reject(new Error("charts load nothing")),
  sanitize: () => Promise.reject(new Error("charts link to nothing")),
}

const scheme = window.matchMedia("(prefers-color-scheme: dark)")

// the colours of the page, so that a chart follows its switch between light and dark
const colours = (element) => {
  const ink = getComputedStyle(element).color
  const quiet = { labelColor: ink, titleColor: ink, domainColor: ink, tickColor: ink, gridOpacity: 0.25 }
  return { background: "transparent", axis: quiet, legend: quiet, header: quiet, title: { color: ink }, style: { "guide-label": { fill: ink } } }
}

const draw = async (element) => {
  const spec = JSON.parse(document.getElementById(element.dataset.chart).textContent)
  try {
    await embed(element, spec, {
      actions: false,
      ast: true,
      config: colours(element),
      defaultStyle: false,
      expr: expressionInterpreter,
      loader,
      renderer: "svg",
      tooltip: false,
    })
    element.dataset.drawn = "yes"
  } catch (error) {
    element.dataset.drawn = "no"
    element.textContent = String(error.message || error)
  }
}

const drawAll = () => document.querySelectorAll("[data-chart]").forEach(draw)

document.addEventListener("DOMContentLoaded", drawAll)
scheme.addEventListener("change", drawAll)
