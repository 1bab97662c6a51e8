// Moving a few traces of a drawn figure: only they are worked out and drawn again.
//
// Plotly.restyle would compute every trace of the figure anew, contours and surface included, and cannot keep up with a
// player. What it does for one trace is done here for those that move; where plotly.js has no such parts, it does it all.

/**
 * Put new coordinates into traces of a figure: `changes` is a list of { curve, place }, where place names coordinates.
 * While `playing`, 3D scenes are drawn with fewer pixels, and not a second time for what lies under the mouse.
 */
export function move(box, changes, playing) {
  const flat = [];
  const scenes = new Set();
  let whole = false;
  for (const { curve, place } of changes) {
    const full = box._fullData[curve];
    Object.assign(box.data[curve], place);
    if (full.visible !== true) continue; // hidden by its legend: drawn from its data when it is shown again
    Object.assign(full, place, { _length: place.x.length });
    try {
      if (full.type === "scatter3d") scenes.add(moved(box._fullLayout[full.scene]._scene, full));
      else flat.push(computed(box, curve, full));
    } catch {
      whole = true;
    }
  }
  if (flat.length) whole = !drawFlat(box, flat) || whole;
  for (const scene of scenes) drawSpace(box, scene, playing);
  if (whole) window.Plotly.redraw(box);
}

/** Draw a figure's 3D scenes in full again, after playing. */
export function settle(box, scenes) {
  for (const name of scenes) drawSpace(box, box._fullLayout[name]._scene, false);
}

/**
 * Draw the surfaces of a figure from the points that they were given. plotly.js makes four times as many of them, of which
 * nothing is seen but the time that they take: they are drawn again with everything that moves before them.
 */
export function lighten(box, scenes) {
  for (const name of scenes) {
    const { traces } = box._fullLayout[name]._scene;
    for (const full of box._fullData.filter(({ type, scene }) => type === "surface" && (scene ?? "scene") === name)) {
      const surface = traces[full.uid];
      if (!surface?.refineData) continue;
      surface.refineData = false;
      surface.update(full);
    }
  }
}

function moved(scene, full) {
  const trace = scene.traces[full.uid];
  trace.update(full);
  return scene;
}

function drawSpace(box, { glplot, traces }, playing) {
  glplot.pixelRatio = playing ? 1 : box._context.plotGlPixelRatio;
  if (!playing) return glplot.update({}); // in its own time, with everything that belongs to it
  for (const parts of Object.values(traces)) {
    for (const part of Object.values(parts)) if (part?.dirty === true) part.dirty = false;
  }
  return glplot.redraw();
}

function computed(box, curve, full) {
  const points = full._module.calc(box, full);
  points[0].t ??= {};
  points[0].trace = full;
  box.calcdata[curve] = points;
  return points;
}

function drawFlat(box, traces) {
  try {
    const plot = box._fullLayout._plots.xy;
    const layer = plot.plot.select("g.scatterlayer");
    const others = traces.filter((points) => !shifted(layer.node(), plot, points));
    if (others.length) others[0][0].trace._module.plot(box, plot, others, layer, { duration: 0 });
    return true;
  } catch {
    return false;
  }
}

/** Shift the symbols that a trace has already, if it still has as many: much the cheapest for hundreds of them. */
function shifted(layer, { xaxis, yaxis }, points) {
  const { mode, uid } = points[0].trace;
  if (mode !== "markers" || points.length < 2) return false;
  const symbols = layer.querySelectorAll(`.trace${uid} .points > path`);
  if (symbols.length !== points.length) return false;
  const places = points.map(({ x, y }) => [xaxis.c2p(x), yaxis.c2p(y)]);
  if (!places.flat().every(Number.isFinite)) return false;
  symbols.forEach((symbol, i) => symbol.setAttribute("transform", `translate(${places[i][0]},${places[i][1]})`));
  return true;
}
