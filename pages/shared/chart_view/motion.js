// What moves: a motion as Python described it (gd_core/figures/motion.py), and what each figure shows of it at a tick.

const ARRAYS = { i1: Int8Array, u1: Uint8Array, i2: Int16Array, u2: Uint16Array, i4: Int32Array, u4: Uint32Array };
Object.assign(ARRAYS, { f4: Float32Array, f8: Float64Array });
const FAINT = 0.3;
const NO_ARROW = -32768;

/** The same structure with its packed arrays unpacked: { dtype, bdata } is how Plotly packs them too. */
export function unpacked(node) {
  if (Array.isArray(node)) return node.map(unpacked);
  if (!node || typeof node !== "object") return node;
  if (typeof node.bdata === "string") {
    const bytes = Uint8Array.from(atob(node.bdata), (letter) => letter.charCodeAt(0));
    return new ARRAYS[node.dtype](bytes.buffer);
  }
  return Object.fromEntries(Object.entries(node).map(([name, value]) => [name, unpacked(value)]));
}

export class Motion {
  constructor(json) {
    Object.assign(this, unpacked(JSON.parse(json)));
    this.last = this.clock.length - 1;
    this.paths = this.views.map(() => []); // for each figure and run: the path as it is drawn there
    this.finals = this.views.map(() => []); // for each figure and run: the fit as the figure came
  }

  /** The tick at which this share of the clock has passed. */
  tickAt(share) {
    const wanted = share * this.clock[this.last];
    let tick = 0;
    // a little beyond, so that the share of a tick leads back to that tick
    while (tick < this.last && this.clock[tick + 1] <= wanted * (1 + 1e-9)) tick += 1;
    return tick;
  }

  shareAt(tick) {
    return this.clock[this.last] ? this.clock[tick] / this.clock[this.last] : 1;
  }

  /** Prepare a figure's traces for this motion, in place: those that move are added or marked, whole paths made faint. */
  dress(index, traces) {
    const view = this.views[index];
    if (!view) return;
    if (view.kind === "space" || view.kind === "flat") {
      for (const trace of traces.filter(({ legendgroup, mode }) => legendgroup && mode?.includes("lines"))) {
        Object.assign(trace, { opacity: FAINT, showlegend: false });
      }
    }
    for (const [run, name] of (view.names ?? []).entries()) {
      // the last of that name: what a person may also call a variant, such as "exact fit", stands before it
      const trace = traces.findLast((each) => each.name === name && each.mode === view.mode);
      if (!trace) continue;
      const { x, y, customdata } = trace;
      this.finals[index][run] = unpacked({ x, y, ...(customdata && { customdata }) });
      trace.meta = { moves: "fit", run };
    }
    // copies: plotly.js keeps what it is given, and a motion may be drawn again
    traces.push(...structuredClone(view.traces ?? []));
  }

  /** Where a moving trace stands at a tick: its coordinates, by name. */
  place(index, { moves, run, kind }, tick) {
    if (moves === "fit") return this.fitted(index, run, tick);
    if (moves === "arrow") return this.arrow(index, run, kind, tick);
    const path = (this.paths[index][run] ??= this.path(this.views[index], this.runs[run]));
    const record = this.runs[run].at[tick];
    const end = Math.min(record + 1, path.length);
    const [first, last] = moves === "path" ? [0, end] : [Math.max(0, end - 1), end];
    // a point that lies where the figure does not reach is not drawn, and least of all drawn elsewhere
    const hidden = moves === "point" && (record >= path.length || !path.inside[record]);
    return Object.fromEntries(path.axes.map(([name, values]) => [name, hidden ? [null] : values.slice(first, last)]));
  }

  /** An arrow from where a run stands: level in 3D, and none where there is no such point or no such vector. */
  arrow(index, run, kind, tick) {
    const { x, y, z } = this.place(index, { moves: "point", run }, tick);
    const at = 2 * this.runs[run].at[tick];
    const [dx, dy] = this.vector(this.runs[run].arrows[kind].subarray(at, at + 2));
    if (x[0] === null || !x.length || !Number.isFinite(dx + dy)) {
      return { x: [null], y: [null], ...(z && { z: [null] }) };
    }
    return { x: [x[0], x[0] + dx], y: [y[0], y[0] + dy], ...(z && { z: [z[0], z[0]] }) };
  }

  vector(entries) {
    if (!(entries instanceof Int16Array)) return entries;
    return Array.from(entries, (level) => (level === NO_ARROW ? NaN : level * this.arrowUnit));
  }

  path(view, run) {
    const axes = [];
    if (view.kind === "curve") {
      const loss = run.height ?? run.loss;
      axes.push(["x", Array.from(run.updates, (update) => amount(run, update, view.against))]);
      axes.push(["y", Array.from(loss, (value) => value - view.base)]);
      return { axes, length: run.updates.length, inside: axes[1][1].map(Number.isFinite) };
    }
    // where a plane is all there is, the two parameters are the place on it
    const [u, v] = run.u ? [run.u, run.v] : [0, 1].map((j) => run.theta.filter((_, k) => k % 2 === j));
    axes.push(["x", Array.from(u)], ["y", Array.from(v)]);
    if (view.kind === "space") axes.push(["z", Array.from(run.loss, (loss) => height(view, loss))]);
    const inside = axes[0][1].map((_, k) =>
      axes.every(([, values], axis) => values[k] >= view.window[axis][0] && values[k] <= view.window[axis][1]),
    );
    // once it has left for good its strokes only hide the rest, as in the figure itself
    return { axes, inside, length: Math.min(inside.lastIndexOf(true) + 2, inside.length) };
  }

  fitted(index, run, tick) {
    if (tick === this.last) return this.finals[index][run];
    const view = this.views[index];
    const { x, rows } = view;
    const y = new Array(x.length);
    if (view.basis) {
      const { theta, at } = this.runs[run];
      const width = view.basis.length / x.length;
      const start = at[tick] * width;
      for (let i = 0; i < x.length; i += 1) {
        let sum = 0;
        for (let j = 0; j < width; j += 1) sum += view.basis[i * width + j] * theta[start + j];
        y[i] = sum;
      }
    } else {
      let key = view.keys.length - 1;
      while (view.keys[key] > tick) key -= 1;
      const { at, levels } = view.predicted[run];
      for (let i = 0; i < x.length; i += 1) y[i] = view.low + view.step * levels[at[key] * x.length + i];
    }
    return { x, y, ...(rows && { customdata: rows }) };
  }

  /** Every run's numbers at a tick. */
  states(tick) {
    return this.runs.map((run) => {
      const record = run.at[tick];
      const update = run.updates[record];
      const width = run.theta.length / run.updates.length;
      const entries = (values, count) => Array.from(values.subarray(record * count, (record + 1) * count));
      const ended = record === run.updates.length - 1;
      return {
        update,
        epoch: amount(run, update, "epochs"),
        examples: amount(run, update, "examples"),
        loss: run.loss[record],
        gradientNorm: run.gradientNorm[record],
        gradient: run.gradient && entries(run.gradient, run.gradient.length / run.updates.length),
        rate: typeof run.rate === "number" ? run.rate : run.rate[record],
        parameters: entries(run.theta, width).slice(0, this.parameters.length),
        status: ended ? run.status : update ? "running" : "ready",
      };
    });
  }
}

/** How much of a unit a run has used after so many updates: `Sampling.examples_at` says it in Python. */
function amount(run, update, unit) {
  if (unit === "updates") return update;
  if (unit === "seconds") return update * run.seconds;
  const [updates, rows, batch] = run.epoch;
  const whole = Math.floor(update / updates);
  const examples = whole * rows + Math.min((update - whole * updates) * batch, rows);
  return unit === "examples" ? examples : examples / rows;
}

function height({ log }, loss) {
  return log ? Math.log10(Math.max(loss - log[0], 0) + log[1]) : loss;
}
