"use strict";
// Layered drawing of a chain: layers by longest path, order by barycentres, positions by least squares.
const layout = (() => {
  const SWEEPS = 12;

  // Returns the layer of each node; `nodes` hold parents before children.
  const layersOf = (nodes, parents) => {
    const layer = new Map();
    for (const node of nodes) {
      layer.set(node, 1 + Math.max(-1, ...parents.get(node).map((parent) => layer.get(parent))));
    }
    return layer;
  };

  // An edge over several layers gets a joint in each layer between, so that it bends around boxes.
  const withJoints = (nodes, parents, layer) => {
    const rows = Array.from({ length: 1 + Math.max(...layer.values()) }, () => []);
    const points = nodes.map((node) => ({ node, layer: layer.get(node), joint: false, up: [], down: [] }));
    const byNode = new Map(points.map((point) => [point.node, point]));
    points.forEach((point) => rows[point.layer].push(point));
    const edges = [];
    const connect = (from, to) => { from.down.push(to); to.up.push(from); };
    for (const child of points) {
      for (const parent of parents.get(child.node).map((name) => byNode.get(name))) {
        const route = [parent];
        for (let i = parent.layer + 1; i < child.layer; i += 1) {
          const joint = { node: null, layer: i, joint: true, up: [], down: [] };
          rows[i].push(joint);
          connect(route.at(-1), joint);
          route.push(joint);
        }
        connect(route.at(-1), child);
        edges.push([...route, child]);
      }
    }
    return { rows, edges, byNode };
  };

  const number = (row) => row.forEach((point, i) => { point.place = i; });

  const crossings = (rows) => {
    let count = 0;
    for (const row of rows) {
      const ends = row.flatMap((point) => point.down.map((below) => [point.place, below.place]));
      for (let i = 0; i < ends.length; i += 1) {
        for (let j = 0; j < i; j += 1) {
          if ((ends[i][0] - ends[j][0]) * (ends[i][1] - ends[j][1]) < 0) count += 1;
        }
      }
    }
    return count;
  };

  const mean = (points, of) => points.reduce((sum, point) => sum + of(point), 0) / points.length;

  // Sorts rows in turn, downwards and upwards, by the mean place of the neighbours; keeps the best order seen.
  const order = (rows) => {
    rows.forEach(number);
    let best = rows.map((row) => [...row]);
    let least = crossings(rows);
    for (let sweep = 0; sweep < SWEEPS && least > 0; sweep += 1) {
      const side = sweep % 2 ? "down" : "up";
      for (const row of sweep % 2 ? [...rows].reverse() : rows) {
        const wish = new Map(row.map((p) => [p, p[side].length ? mean(p[side], (q) => q.place) : p.place]));
        row.sort((a, b) => wish.get(a) - wish.get(b) || a.place - b.place);
        number(row);
      }
      const count = crossings(rows);
      if (count < least) { least = count; best = rows.map((row) => [...row]); }
    }
    best.forEach(number);
    return best;
  };

  // Places the points of a row as near to their wishes as their sizes allow (pool adjacent violators).
  const settle = (row, wish, size) => {
    const blocks = [];
    let offset = 0;
    row.forEach((point, i) => {
      if (i) offset += (size(row[i - 1]) + size(point)) / 2;
      const weight = point.joint ? 2 : 1;
      blocks.push({ sum: weight * (wish(point) - offset), weight, points: [[point, offset]] });
      while (blocks.length > 1) {
        const [before, last] = blocks.slice(-2);
        if (before.sum / before.weight <= last.sum / last.weight) break;
        blocks.splice(-2, 2, {
          sum: before.sum + last.sum, weight: before.weight + last.weight, points: [...before.points, ...last.points],
        });
      }
    });
    for (const block of blocks) {
      for (const [point, shift] of block.points) point.at = block.sum / block.weight + shift;
    }
  };

  // Returns {rows, edges, byNode, breadth}: `at` is each point's centre across the layers, from 0 to breadth.
  // `sizeOf` gives the room that a node takes across, its distance to the next included.
  return (nodes, parents, sizeOf, jointSize) => {
    const graph = withJoints(nodes, parents, layersOf(nodes, parents));
    const size = (point) => (point.joint ? jointSize : sizeOf(point.node));
    graph.rows = order(graph.rows);
    for (const row of graph.rows) {
      const half = row.reduce((sum, point) => sum + size(point), 0) / 2;
      let at = -half;
      for (const point of row) { point.at = at + size(point) / 2; at += size(point); }
    }
    for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
      const sides = sweep === SWEEPS - 1 ? ["up", "down"] : [sweep % 2 ? "down" : "up"];
      for (const row of sweep % 2 ? [...graph.rows].reverse() : graph.rows) {
        const near = (point) => sides.flatMap((side) => point[side]);
        settle(row, (point) => (near(point).length ? mean(near(point), (q) => q.at) : point.at), size);
      }
    }
    const points = graph.rows.flat();
    const start = Math.min(...points.map((point) => point.at - size(point) / 2));
    for (const point of points) point.at -= start;
    graph.breadth = Math.max(...points.map((point) => point.at + size(point) / 2));
    return graph;
  };
})();
