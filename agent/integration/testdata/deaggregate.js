// Takes KPL aggregates apart with aws-kinesis-agg. Standard input: a JSON object on a line for each Kinesis record. Standard output: one for each user
// record, with the index of the Kinesis record it was in. Its argument is where the package is.
const agg = require(process.argv[2])
const lines = require('fs').readFileSync(0, 'utf8').split('\n').filter(Boolean)
const out = []
lines.forEach((line, i) => {
  agg.deaggregateSync(JSON.parse(line), true, (err, users) => {
    if (err) throw err
    for (const u of users) out.push(JSON.stringify({ in: i, key: u.partitionKey, sub: u.subSequenceNumber, data: u.data }))
  })
})
process.stdout.write(out.join('\n') + '\n')
