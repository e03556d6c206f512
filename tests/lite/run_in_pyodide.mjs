// Runs the functions as xlwings Lite does, in a real Pyodide: reads a job, writes what came of it.
//   node run_in_pyodide.mjs job.json result.json
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [jobFile, resultFile] = process.argv.slice(2);
const job = JSON.parse(readFileSync(jobFile, "utf8"));
const { loadPyodide } = await import(pathToFileURL(path.join(job.runtime, "pyodide.mjs")));
const started = performance.now();
const seconds = () => (performance.now() - started) / 1000;
const pyodide = await loadPyodide({ indexURL: job.runtime + path.sep, env: { HOME: "/home/pyodide", ...job.environment } });
const times = { boot: seconds() };

const quiet = { messageCallback: () => {} };
for (const file of job.wheels) {
  pyodide.unpackArchive(new Uint8Array(readFileSync(file)).buffer, "wheel");
}
if (job.packages.length) await pyodide.loadPackage(job.packages, quiet);
if (job.index) {
  // The way in which Lite installs what requirements.txt names, from a package index on this machine.
  await pyodide.loadPackage("micropip", quiet);
  const install = pyodide.runPython(`
async def install(lines, index):
    import micropip
    await micropip.install(list(lines), index_urls=index)
install`);
  await install(pyodide.toPy(job.requirements), job.index);
}
times.packages = seconds() - times.boot;

const inside = pyodide.runPython(readFileSync(job.inside, "utf8") + "\nHost()");
const load = performance.now();
inside.load(job.main, job.bare);
times.module = (performance.now() - load) / 1000;

// What Excel hands over is a JavaScript object; Python sees it as lists and dictionaries.
const call = (request) => inside.call(pyodide.toPy(request));
const answers = [];
for (const request of job.requests) answers.push(JSON.parse(await call(request)));

const timings = [];
for (const { ours, bare, repeated, rounds } of job.benchmarks) {
  const taken = [[], []];
  for (let round = 0; round <= rounds; round++) {
    for (const [index, request] of [ours, bare].entries()) {
      const begin = performance.now();
      for (let time = 0; time < repeated; time++) await inside.value(pyodide.toPy(request));
      if (round) taken[index].push((performance.now() - begin) / 1000); // the first one warms up
    }
  }
  timings.push(taken);
}
writeFileSync(resultFile, JSON.stringify({ facts: JSON.parse(inside.facts()), times, answers, timings }));
