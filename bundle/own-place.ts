import { relative, sep } from 'node:path'
import type { Plugin } from 'rolldown'

/**
 * Modules find files beside them by `import.meta.url`, which in a bundle is the bundle's. They are given the place
 * where tsc put them. All bundles stand in a folder directly below dist/, so the way there is the same from each.
 */
export function ownPlace(source: string): Plugin {
  return {
    name: 'own-place',
    transform: {
      filter: { code: 'import.meta.url' },
      handler(code, id) {
        const path = relative(source, id).split(sep).join('/')
        if (path.startsWith('../')) return
        return {
          code: code.replaceAll(
            'import.meta.url',
            `new URL('../${path.replace(/\.ts$/, '.js')}', import.meta.url).href`,
          ),
          map: null,
        }
      },
    },
  }
}
