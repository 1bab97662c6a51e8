// The chart view: one mounted component that holds a list of linked Plotly figures in a responsive grid.
//
// Python sends each figure as the text of its JSON. A figure whose text and theme are unchanged is not drawn again; a changed
// one goes through Plotly.react into the same element, so zoom and hidden traces stay, and the camera is put back by hand.
// With a motion, a player moves some traces of the figures between two drawings; a drawing finds them where they are.

import { plotly } from "./loading.js";
import { Motion } from "./motion.js";
import { lighten, move, settle } from "./moving.js";
import { Player } from "./player.js";

const SPATIAL = new Set(["surface", "scatter3d", "mesh3d", "cone", "streamtube", "volume", "isosurface"]);
const STEP = Math.PI / 36; // five degrees a key press
const KEYS = {
  ArrowLeft: { azimuth: -STEP },
  ArrowRight: { azimuth: STEP },
  ArrowUp: { elevation: STEP },
  ArrowDown: { elevation: -STEP },
  "+": { zoom: 1 / 1.1 },
  "=": { zoom: 1 / 1.1 }, // the plus key without shift
  "-": { zoom: 1.1 },
};
const CONFIG = {
  displaylogo: false,
  responsive: false, // the view watches its own size: plotly.js listens to the window's alone
  showTips: false,
  modeBarButtonsToRemove: (
    "select2d lasso2d autoScale2d toggleSpikelines hoverClosestCartesian hoverCompareCartesian zoomIn2d zoomOut2d " +
    "hoverClosest3d orbitRotation tableRotation resetCameraLastSave3d"
  ).split(" "),
};

const cameras = new Map(); // outlives a view, so that a page left and opened again shows what was last looked at

/** The page's theme as a Plotly template for a figure this wide: whatever a figure states itself wins over it. */
function themeOf(element, width) {
  const style = getComputedStyle(element);
  const read = (name) => style.getPropertyValue(`--st-${name}`).trim();
  const [text, paper, raised, line] = [
    "text-color",
    "background-color",
    "secondary-background-color",
    "border-color",
  ].map(read);
  const axis = { gridcolor: line, linecolor: line, zerolinecolor: line, automargin: true };
  const spatial = { ...axis, showbackground: false };
  return {
    font: { color: text, family: read("font") },
    // The page's own colour, not a transparent one: a saved picture must be readable outside the page.
    paper_bgcolor: paper,
    plot_bgcolor: paper,
    colorway: read("chart-categorical-colors").split(","),
    hoverlabel: { bgcolor: raised, bordercolor: line, font: { color: text } },
    // Beside the plot, a legend would take half of a phone's width.
    legend: width < 480 ? { orientation: "h", y: -0.25 } : {},
    modebar: { bgcolor: "rgba(0,0,0,0)", color: read("gray-text-color"), activecolor: text },
    xaxis: axis,
    yaxis: axis,
    scene: { xaxis: spatial, yaxis: spatial, zaxis: spatial },
  };
}

function merged(below, above) {
  if (!below || typeof below !== "object" || Array.isArray(above) || typeof above !== "object") return above;
  const result = { ...below };
  for (const [name, value] of Object.entries(above)) result[name] = merged(below[name], value);
  return result;
}

/** The camera after a key press: its eye turned about the z axis through the centre, or moved along the line of sight. */
function turned(camera, { azimuth = 0, elevation = 0, zoom = 1 }) {
  const { center, eye } = camera;
  const [x, y, z] = [eye.x - center.x, eye.y - center.y, eye.z - center.z];
  const distance = Math.hypot(x, y, z) * zoom;
  const around = Math.atan2(y, x) + azimuth;
  const limit = Math.PI / 2 - STEP; // straight above, "up" has no meaning
  const above = Math.max(-limit, Math.min(limit, Math.atan2(z, Math.hypot(x, y)) + elevation));
  const flat = distance * Math.cos(above);
  const moved = { x: flat * Math.cos(around), y: flat * Math.sin(around), z: distance * Math.sin(above) };
  return { ...camera, eye: { x: center.x + moved.x, y: center.y + moved.y, z: center.z + moved.z } };
}

class View {
  constructor(parent) {
    this.root = document.createElement("div");
    this.root.className = "gd-view";
    this.message = document.createElement("p");
    this.message.className = "gd-message";
    this.root.append(this.message);
    this.motion = null;
    this.figures = []; // { box, scenes } and, once drawn, what the screen shows: json, look, motion, tick, width, height
    this.queue = Promise.resolve();
    this.observer = new ResizeObserver(() => this.draw());
    parent.append(this.root);
  }

  update(data, send) {
    Object.assign(this, { data, send });
    this.root.style.setProperty("--gd-height", `${data.height}px`);
    this.root.style.setProperty("--gd-columns", data.columns);
    while (this.figures.length > data.figures.length) this.remove(this.figures.pop());
    while (this.figures.length < data.figures.length) this.add(this.figures.length);
    this.figures.forEach(({ box }, index) => box.setAttribute("aria-label", data.labels[index]));
    this.takeMotion(data.motion);
    this.draw();
  }

  takeMotion(text) {
    if (text === this.motionText) return;
    this.motionText = text;
    this.motion = text ? new Motion(text) : null;
    if (!text) {
      this.player?.destroy();
      this.player = null;
      return;
    }
    this.player ??= new Player(this.root, this.data.key, {
      show: (tick, playing) => this.moveTo(tick, playing),
      rest: () => this.figures.forEach(({ box, scenes, json }) => json && settle(box, scenes)),
      ready: () => this.root.dataset.state === "ready",
      settled: (step) => this.data?.steps && this.send("step", step),
      arrow: (kind, visible) => this.showArrows(kind, visible),
    });
    this.player.take(this.motion);
  }

  /** Show a tick in every figure; one that is being drawn anew follows when it is. */
  moveTo(tick, playing) {
    for (const [index, figure] of this.figures.entries()) {
      if (!figure.moving?.length || figure.motion !== this.motion || figure.tick === tick) continue;
      const changes = figure.moving.map(({ curve, meta }) => ({ curve, place: this.motion.place(index, meta, tick) }));
      move(figure.box, changes, playing);
      figure.tick = tick;
    }
  }

  showArrows(kind, visible) {
    for (const { box, moving } of this.figures) {
      const curves = (moving ?? []).filter(({ meta }) => meta.kind === kind).map(({ curve }) => curve);
      if (curves.length) window.Plotly.restyle(box, { visible }, curves);
    }
  }

  add(index) {
    const box = document.createElement("div");
    box.className = "gd-figure";
    box.tabIndex = 0;
    box.setAttribute("role", "img");
    this.figures.push({ box, scenes: [] });
    box.addEventListener("keydown", (event) => this.press(index, event));
    this.message.before(box);
    this.observer.observe(box);
  }

  remove({ box }) {
    this.observer.unobserve(box);
    window.Plotly?.purge(box); // gives back its WebGL contexts: a page has sixteen
    box.remove();
  }

  destroy() {
    this.observer.disconnect();
    this.data = null;
    this.player?.destroy();
    this.figures.forEach((figure) => this.remove(figure));
    this.root.remove();
  }

  /** Bring the screen up to the latest data, theme and width; calls queue up, and one that has nothing to do does nothing. */
  draw() {
    this.root.dataset.state = "drawing";
    this.queue = this.queue
      .then(() => this.drawNow())
      .catch((error) => {
        if (!this.data) return; // taken away while it was being drawn
        this.root.dataset.state = "failed";
        this.message.textContent = "This chart could not be drawn. Reload the page to try again.";
        console.error(error);
      });
  }

  async drawNow() {
    if (!this.data) return;
    const Plotly = await plotly(this.data.plotly);
    for (const [index, figure] of this.figures.entries()) {
      const { clientWidth: width, clientHeight: height } = figure.box;
      const json = this.data?.figures[index];
      if (!json || !width) continue; // in a closed tab or expander: drawn when it opens
      const theme = themeOf(this.root, width);
      const look = JSON.stringify(theme);
      if (figure.json !== json || figure.look !== look || figure.motion !== this.motion) {
        const { motion } = this;
        const { data, layout } = JSON.parse(json);
        const { moving, tick } = this.dress(index, data);
        const { template } = layout;
        layout.template = { ...template, layout: merged(template?.layout, theme) };
        const flat = data.some((trace) => !SPATIAL.has(trace.type));
        const above = layout.title?.text ? 44 : 28; // the buttons stand there
        layout.margin ??= flat ? { l: 56, r: 16, t: above, b: 48 } : { l: 0, r: 0, t: above, b: 0 };
        layout.uirevision ??= "kept";
        for (const trace of data) if (SPATIAL.has(trace.type)) layout[trace.scene ?? "scene"] ??= {};
        figure.scenes = Object.keys(layout).filter((name) => /^scene\d*$/.test(name));
        if (figure.json) this.keepCameras(index);
        for (const scene of figure.scenes) {
          const camera = cameras.get(this.cameraName(index, scene));
          if (camera) layout[scene].camera = camera;
        }
        await Plotly.react(figure.box, data, { ...layout, autosize: true }, CONFIG);
        if (moving?.length) lighten(figure.box, figure.scenes);
        if (!figure.json) this.listen(index);
        Object.assign(figure, { json, look, motion, moving, tick });
      } else if (figure.width !== width || figure.height !== height) {
        await Plotly.Plots.resize(figure.box);
      }
      Object.assign(figure, { width, height });
    }
    if (this.player) this.moveTo(this.player.tick, this.player.playing);
    this.message.textContent = "";
    this.root.dataset.state = "ready";
  }

  /** Give a figure's traces the motion's part in them, and say which of them move. */
  dress(index, data) {
    if (!this.motion) return {};
    const { tick } = this.player;
    this.motion.dress(index, data);
    const moving = [...data.entries()]
      .filter(([, { meta }]) => meta?.moves)
      .map(([curve, { meta }]) => ({ curve, meta }));
    for (const { curve, meta } of moving) {
      Object.assign(data[curve], this.motion.place(index, meta, tick));
      if (meta.kind) data[curve].visible = this.player.arrows.has(meta.kind);
    }
    return { moving, tick };
  }

  listen(index) {
    const { box } = this.figures[index];
    for (const event of ["plotly_relayouting", "plotly_relayout"]) {
      box.on(event, (change) => {
        for (const scene of this.figures[index].scenes) {
          const camera = change?.[`${scene}.camera`];
          if (camera) this.turn(index, scene, camera, event === "plotly_relayout");
        }
      });
    }
    box.on("plotly_click", ({ points, event }) => {
      if (!this.data.clicks || !points.length) return;
      const { x, y, z, curveNumber, pointNumber, customdata } = points[0];
      const plain = (value) => (ArrayBuffer.isView(value) ? Array.from(value) : value) ?? null;
      const click = { figure: index, curve: curveNumber, point: plain(pointNumber), x, y, z: z ?? null };
      this.send("click", { ...click, at: this.under(index, event), customdata: plain(customdata) });
    });
  }

  /** Where on its axes a flat figure was pointed at, however far the nearest point is. */
  under(index, { clientX, clientY }) {
    const { box, scenes } = this.figures[index];
    const { xaxis, yaxis } = box._fullLayout;
    if (scenes.length || !xaxis || !yaxis) return null;
    const { left, top } = box.getBoundingClientRect();
    const at = [xaxis.p2d(clientX - left - xaxis._offset), yaxis.p2d(clientY - top - yaxis._offset)];
    return at.every(Number.isFinite) ? at : null;
  }

  cameraName(index, scene) {
    const { key, together } = this.data;
    return JSON.stringify(together ? [key] : [key, index, scene]);
  }

  /** Remember where scenes that a person has moved are looked at from now: the wheel goes on after its last event. */
  keepCameras(index) {
    const { box, scenes } = this.figures[index];
    for (const scene of scenes) {
      const name = this.cameraName(index, scene);
      const live = box._fullLayout?.[scene]?._scene?.getCamera();
      if (live && cameras.has(name)) cameras.set(name, live);
    }
  }

  /** Remember where a scene is looked at from and, if cameras go together, show the others from there. */
  turn(index, scene, camera, settled) {
    cameras.set(this.cameraName(index, scene), camera);
    if (!this.data.together || this.following) return;
    this.following = true; // the others' own events lead back here
    const moves = [];
    for (const [other, { box, scenes, json }] of this.figures.entries()) {
      for (const name of json ? scenes : []) {
        if (other === index && name === scene) continue;
        if (settled) moves.push(window.Plotly.relayout(box, { [`${name}.camera`]: camera }));
        // While the mouse moves, the scene alone: a relayout of the whole figure cannot keep up.
        else box._fullLayout[name]._scene.setViewport({ ...box._fullLayout[name], camera });
      }
    }
    Promise.all(moves).finally(() => (this.following = false));
  }

  press(index, event) {
    const { box, scenes } = this.figures[index];
    if (!KEYS[event.key] || event.ctrlKey || event.metaKey || event.altKey || !scenes.length) return;
    event.preventDefault();
    const change = {};
    for (const scene of scenes) change[`${scene}.camera`] = turned(box._fullLayout[scene].camera, KEYS[event.key]);
    window.Plotly.relayout(box, change);
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  if (!(parentElement.gdView instanceof View)) {
    parentElement.gdView?.destroy(); // an older version of this file made it, before the server was started anew
    parentElement.gdView = new View(parentElement);
  }
  parentElement.gdView.update(data, setTriggerValue);
  return () => {
    // Streamlit also ends a call that newer data have overtaken; the view is gone only with its place in the page.
    if (parentElement.isConnected) return;
    parentElement.gdView?.destroy();
    delete parentElement.gdView;
  };
}
