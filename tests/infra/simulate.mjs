// Asks @cloud-copilot/iam-simulate what a role's policy allows.
//
// On standard input JSON: `packages`, the folder that holds it; `account`; `policy`; and `questions`, each with `action`,
// `resource` and `context`. On standard output JSON: for each whether it is allowed.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { packages, account, policy, questions } = JSON.parse(readFileSync(0, "utf8"));
const found = createRequire(`${packages}/`).resolve("@cloud-copilot/iam-simulate");
const { runSimulation } = await import(pathToFileURL(found));

async function isAllowed({ action, resource, context }) {
  const said = await runSimulation(
    {
      identityPolicies: [{ name: "role", policy }],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      request: {
        action,
        principal: `arn:aws:iam::${account}:role/function`,
        resource: { accountId: account, resource },
        contextVariables: context,
      },
    },
    {},
  );
  if (said.resultType === "error") throw new Error(JSON.stringify(said.errors));
  return said.overallResult === "Allowed";
}

const answers = [];
for (const question of questions) answers.push(await isAllowed(question));
console.log(JSON.stringify(answers));
