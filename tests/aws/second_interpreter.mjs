// Carries out one execution of a state machine with aws-local-stepfunctions, and says which states it entered.
//
// On standard input JSON: `packages`, the folder that holds it; `definition`; `input`; `holder`, the execution's id; and
// `lambda`, the endpoint whose functions the steps are. On standard output JSON: `entered`, `status` and `error`.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

// The package is made for Node.js 22.
Promise.withResolvers ??= function () {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
};
// It leaves promises of steps that failed to nobody, although the execution goes on as its definition says.
process.on("unhandledRejection", () => {});

const { packages, definition, input, holder, lambda } = JSON.parse(readFileSync(0, "utf8"));
const { StateMachine } = createRequire(`${packages}/`)("aws-local-stepfunctions");

async function call(arn, event) {
  const [, , , region] = arn.split(":");
  // The emulator reads the region from here, and looks at no signature.
  const authorization = `AWS4-HMAC-SHA256 Credential=local/20260101/${region}/lambda/aws4_request`;
  const url = `${lambda}/2015-03-31/functions/${encodeURIComponent(arn)}/invocations`;
  const answer = await fetch(url, { method: "POST", body: JSON.stringify(event), headers: { authorization } });
  const said = await answer.json();
  if (answer.headers.get("x-amz-function-error")) throw Object.assign(new Error(said.errorMessage), { name: said.errorType });
  return said;
}

const states = Object.entries(definition.States);
const tasks = states.filter(([, state]) => state.Type === "Task");
const waits = states.filter(([, state]) => state.Type === "Wait");
const overrides = {
  taskResourceLocalHandlers: Object.fromEntries(
    tasks.map(([name, state]) => [name, (event) => call(state.Resource, event)]),
  ),
  retryIntervalOverrides: Object.fromEntries(tasks.map(([name]) => [name, 1])),
  waitTimeOverrides: Object.fromEntries(waits.map(([name]) => [name, 1])),
};
const execution = new StateMachine(definition).run(input, { overrides, context: { Execution: { Id: holder } } });

async function entered() {
  const names = [];
  for await (const event of execution.eventLogs) if (event.type === "StateEntered") names.push(event.state.name);
  return names;
}

const ended = execution.result.then(
  () => ({ status: "SUCCEEDED", error: null }),
  (error) => ({ status: "FAILED", error: error.name }),
);
console.log(JSON.stringify({ entered: await entered(), ...(await ended) }));
