// The conformance package imports `globSync`, which Node has from 22 on, and needs it for no server. Without this it
// does not start on an older one.
import { register } from "node:module";

const older = `export * from "node:fs"; export { default } from "node:fs"; export const globSync = () => [];`;
const hooks = `export async function resolve(specifier, context, next) {
  if (specifier !== "fs" || !context.parentURL?.includes("@modelcontextprotocol/conformance")) return next(specifier, context);
  return { url: ${JSON.stringify("data:text/javascript," + encodeURIComponent(older))}, shortCircuit: true };
}`;

if (Number(process.versions.node.split(".")[0]) < 22) register("data:text/javascript," + encodeURIComponent(hooks));
