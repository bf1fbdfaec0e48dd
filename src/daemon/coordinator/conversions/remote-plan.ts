import type { Plan } from '../../../plan/plan.ts'
import type { RemotePlan } from '../protocol.ts'

/** What a worker is told of a plan. */
export function remotePlan(key: string, plan: Plan, spool: RemotePlan['spool']): RemotePlan {
  return {
    key,
    fingerprint: plan.fingerprint,
    sources: plan.sources.map(({ name, path, size, modifiedMs, headerSha256 }) => ({
      ...{ name, path, size, modifiedMs, headerSha256 },
    })),
    tensors: plan.tensors.map(({ name, shape, rows, columns, type, file, offset, byteLength, source, importance }) => ({
      ...{ name, rows, columns, type, file, offset, byteLength },
      shape: [...shape],
      importances: importance?.length ?? null,
      source: remoteSource(source),
    })),
    spool,
  }
}

function remoteSource(source: Plan['tensors'][number]['source']): RemotePlan['tensors'][number]['source'] {
  if (source.kind === 'values') return { kind: 'values', values: [...source.values] }
  const { kind, names, dtype, ranges, transform } = source
  return { kind, names: [...names], dtype, ranges: ranges.map((range) => ({ ...range })), transform: { ...transform } }
}
