// The readout: a table of where every run stands, renewed as the clock moves. Texts are set as text, never as HTML.

const COLUMNS = [
  ["update", ({ update }) => whole(update)],
  ["epoch", ({ epoch }) => shown(epoch, 4)],
  ["examples", ({ examples }) => whole(examples)],
  ["loss", ({ loss }) => shown(loss, 6)],
  ["gradient norm", ({ gradientNorm }) => shown(gradientNorm, 4)],
  ["gradient", ({ gradient }) => `(${gradient.map((entry) => shown(entry, 3)).join(", ")})`],
  ["learning rate", ({ rate }) => shown(rate, 4)],
];

export class Readout {
  constructor() {
    this.element = document.createElement("div");
    Object.assign(this.element, { className: "gd-readout", tabIndex: 0, role: "region" });
    this.element.setAttribute("aria-label", "Where every variant stands");
  }

  /** Lay the table out for a motion: its runs and columns. */
  take(motion) {
    const parameters = motion.parameters.map((name, j) => [name, ({ parameters }) => shown(parameters[j], 4)]);
    const columns = [...COLUMNS.filter(([name]) => told(motion, name)), ...parameters];
    columns.push(["status", ({ status }) => status]);
    this.columns = columns.map(([, text]) => text);
    const titles = columns.map(([name]) => (name === "loss" ? motion.quantity : name));
    const table = document.createElement("table");
    table.createTHead().append(row("th", ["variant", ...titles]));
    const body = table.createTBody();
    this.cells = motion.runs.map(({ label, colour }) => {
      const line = row("td", ["", ...titles.map(() => "")]);
      const name = document.createElement("th");
      const swatch = document.createElement("span");
      swatch.className = "gd-swatch";
      swatch.style.background = colour;
      name.scope = "row";
      name.append(swatch, label);
      line.firstChild.replaceWith(name);
      body.append(line);
      return [...line.children].slice(1);
    });
    for (const title of table.tHead.querySelectorAll("th")) title.scope = "col";
    this.element.replaceChildren(table);
  }

  show(states) {
    states.forEach((state, i) => {
      this.columns.forEach((text, j) => {
        const [cell, words] = [this.cells[i][j], text(state)];
        if (cell.textContent !== words) cell.textContent = words;
      });
      this.cells[i].at(-1).dataset.status = state.status;
    });
  }
}

/** Whether a column says something: a surface has neither rows nor epochs, and its whole gradient is shown. */
function told({ quantity, gradients }, name) {
  if (name === "gradient") return gradients;
  return quantity !== "value" || !["epoch", "examples", "gradient norm"].includes(name);
}

function row(kind, texts) {
  const line = document.createElement("tr");
  for (const text of texts) {
    const cell = document.createElement(kind);
    cell.textContent = text;
    line.append(cell);
  }
  return line;
}

export function whole(count) {
  return count.toLocaleString("en-US", { maximumFractionDigits: 0 });
}

export function shown(value, digits) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  return size && (size < 1e-3 || size >= 1e6) ? value.toExponential(digits - 1) : value.toPrecision(digits);
}
