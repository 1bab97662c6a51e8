// The player: one clock for all figures of a view, with its bar of controls and its keys. It never starts by itself.

import { Readout, shown, whole } from "./readout.js";

const SECONDS = 8; // from start to end at the usual speed
const SECONDS_A_TICK = 0.2; // at most: a clock of few ticks is sooner through
const SPEEDS = [0.25, 0.5, 1, 2, 4, 8];
const READOUT_EVERY = 100; // milliseconds while playing: nobody reads faster
const SETTLED_AFTER = 300; // milliseconds of rest until Python is told
const ICONS = {
  start: "M6 5h2v14H6zM19 5v14L9 12z",
  back: "M15 5h2v14h-2zM13 5v14L4 12z",
  play: "M8 5v14l11-7z",
  pause: "M7 5h4v14H7zM13 5h4v14h-4z",
  forward: "M7 5h2v14H7zM11 5v14l9-7z",
  end: "M16 5h2v14h-2zM5 5v14l10-7z",
};
const KEYS = { " ": "play", k: "play", ",": "back", "[": "back", ".": "forward", "]": "forward" };
Object.assign(KEYS, { Home: "start", End: "end" });

const clocks = new Map(); // outlives a view, as its cameras do

export class Player {
  /**
   * `show(tick, playing)` moves the figures and `rest()` draws them in full after playing; `ready()` says whether they can
   * be moved; `settled(step)` hears where a person left the clock; `arrow(kind, shown)` switches arrows on and off.
   */
  constructor(root, key, { show, rest, ready, settled, arrow }) {
    Object.assign(this, { key, show, rest, ready, settled, arrow, playing: false, readoutAt: 0 });
    this.readout = new Readout();
    this.element = document.createElement("div");
    this.element.className = "gd-player";
    this.element.append(this.bar(), this.readout.element);
    this.pressed = (event) => this.press(event);
    root.append(this.element);
    root.addEventListener("keydown", this.pressed);
    this.root = root;
  }

  bar() {
    const bar = document.createElement("div");
    bar.className = "gd-bar";
    bar.setAttribute("role", "toolbar");
    bar.setAttribute("aria-label", "Player of all figures");
    const button = (name, label, keys) => {
      const made = document.createElement("button");
      made.type = "button";
      made.append(icon(name));
      made.addEventListener("click", () => this.act(name));
      named(made, label, keys);
      return made;
    };
    this.playButton = button("play", "Play", "Space");
    this.scrubber = document.createElement("input");
    Object.assign(this.scrubber, { type: "range", min: 0, step: 1 });
    this.scrubber.setAttribute("aria-label", "Position");
    this.scrubber.addEventListener("input", () => this.seek(Number(this.scrubber.value)));
    this.place = document.createElement("span");
    this.place.className = "gd-place";
    this.speeds = document.createElement("select");
    this.speeds.setAttribute("aria-label", "Speed");
    this.speeds.append(...SPEEDS.map((speed) => new Option(`${speed}×`, speed)));
    this.speeds.addEventListener("change", () => this.remember());
    this.switches = document.createElement("span");
    this.switches.className = "gd-switches";
    bar.append(
      button("start", "To the start", "Home"),
      button("back", "Step back", ","),
      this.playButton,
      button("forward", "Step forward", "."),
      button("end", "To the end", "End"),
      this.scrubber,
      this.place,
      this.speeds,
      this.switches,
    );
    return bar;
  }

  /** Go on with another motion: at the same share of its clock, and playing if it was. */
  take(motion) {
    const kept = clocks.get(this.key) ?? { share: motion.opensAt === "end" ? 1 : 0, speed: 1, arrows: [] };
    this.motion = motion;
    this.tick = motion.tickAt(kept.share);
    this.position = this.tick;
    this.speeds.value = kept.speed;
    this.scrubber.max = motion.last;
    this.arrows = new Set(kept.arrows);
    this.offer(motion.arrows ?? []);
    this.readout.take(motion);
    this.label();
  }

  /** A box to tick for each kind of arrow that the motion has. */
  offer(kinds) {
    if (String(kinds) === this.offered) return; // a box in use keeps its focus
    this.offered = String(kinds);
    this.switches.replaceChildren(
      ...kinds.map(([kind, title]) => {
        const label = document.createElement("label");
        const box = document.createElement("input");
        Object.assign(box, { type: "checkbox", checked: this.arrows.has(kind) });
        box.addEventListener("change", () => {
          this.arrows[box.checked ? "add" : "delete"](kind);
          this.remember();
          this.arrow(kind, box.checked);
        });
        label.append(box, title);
        return label;
      }),
    );
  }

  remember() {
    const share = this.motion.shareAt(this.tick);
    clocks.set(this.key, { share, speed: Number(this.speeds.value), arrows: [...this.arrows] });
  }

  act(name) {
    const { last } = this.motion;
    if (name === "play") return this.playing ? this.pause() : this.play();
    return this.seek({ start: 0, back: this.tick - 1, forward: this.tick + 1, end: last }[name]);
  }

  press(event) {
    const action = KEYS[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    const { tagName, type } = event.target;
    // what a focused control does with the key by itself comes first
    if (tagName === "SELECT" || (tagName === "INPUT" && (type !== "range" || event.key.length > 1))) return;
    if (tagName === "BUTTON" && event.key === " ") return;
    event.preventDefault();
    this.act(action);
  }

  play() {
    if (this.tick >= this.motion.last) this.position = 0;
    this.playing = true;
    this.at = undefined;
    this.state();
    const step = (now) => {
      if (!this.playing) return;
      // while figures are drawn anew the clock stands
      if (this.ready()) this.advance(now);
      else this.at = undefined;
      if (this.playing) this.request = requestAnimationFrame(step);
    };
    this.request = requestAnimationFrame(step);
  }

  advance(now) {
    const { last } = this.motion;
    const seconds = Math.min(SECONDS, Math.max(1, last * SECONDS_A_TICK));
    if (this.at !== undefined) {
      this.position += (((now - this.at) / 1000) * Number(this.speeds.value) * last) / seconds;
    }
    this.at = now;
    const tick = Math.min(last, Math.floor(this.position));
    if (tick !== this.tick) this.go(tick);
    if (tick === last) this.pause();
  }

  pause() {
    cancelAnimationFrame(this.request);
    if (this.playing && this.ready()) this.rest();
    this.playing = false;
    this.state();
    this.label();
    this.tell();
  }

  /** Stop at a tick. */
  seek(tick) {
    this.position = Math.max(0, Math.min(this.motion.last, tick));
    if (this.position !== this.tick) this.go(this.position);
    this.pause();
  }

  go(tick) {
    this.tick = tick;
    // figures that are being drawn anew follow by themselves
    if (this.ready()) this.show(tick, this.playing);
    this.remember();
    this.label();
  }

  /** Say where the clock stands, in the bar and in the readout. */
  label() {
    const { motion, tick } = this;
    const figure = (value) => (motion.unit === "epochs" ? shown(value, 4) : whole(value));
    const words = `${figure(motion.clock[tick])} of ${figure(motion.clock[motion.last])} ${motion.unitTitle}`;
    this.place.textContent = words;
    this.scrubber.value = tick;
    this.scrubber.setAttribute("aria-valuetext", words);
    const now = performance.now();
    if (this.playing && now - this.readoutAt < READOUT_EVERY) return;
    this.readoutAt = now;
    this.readout.show(motion.states(tick));
  }

  state() {
    this.playButton.replaceChildren(icon(this.playing ? "pause" : "play"));
    named(this.playButton, this.playing ? "Pause" : "Play", "Space");
    this.element.dataset.playing = this.playing;
  }

  /** Tell Python, once it has rested here for a moment. */
  tell() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.playing) return;
      const updates = this.motion.runs.map(({ at, updates }) => updates[at[this.tick]]);
      this.settled({ tick: this.tick, amount: this.motion.clock[this.tick], unit: this.motion.unit, updates });
    }, SETTLED_AFTER);
  }

  destroy() {
    cancelAnimationFrame(this.request);
    clearTimeout(this.timer);
    this.playing = false;
    this.root.removeEventListener("keydown", this.pressed);
    this.element.remove();
  }
}

function named(control, label, keys) {
  control.setAttribute("aria-label", label);
  control.title = `${label} (${keys})`;
}

function icon(name) {
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "path");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  shape.setAttribute("d", ICONS[name]);
  drawing.append(shape);
  return drawing;
}
