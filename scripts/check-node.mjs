// Runs on any Node: says plainly what is missing instead of failing on the first `.ts` import.
const major = Number(process.versions.node.split(".")[0])
if (major < 24) {
  console.error(
    `cvety runs on Node 24, which "npm install" brings as the package "node"; this is Node ${process.versions.node}.\n` +
      'Its install script did not run. Run "npm rebuild node" (or install Node 24 yourself) and try again.',
  )
  process.exit(1)
}
