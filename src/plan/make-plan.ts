import { rowBytes } from '../formats/ggml/block-types.ts'
import { layOut } from '../formats/gguf/layout.ts'
import { type GgufMetadata, u32 } from '../formats/gguf/values.ts'
import type { ModelInput } from '../formats/model-input.ts'
import type { ModelDescription, TensorMapping } from '../model/description.ts'
import { chooseTypes, inOrderOf, type TypeChoice } from '../quant/choose-types.ts'
import type { Recipe } from '../quant/recipes.ts'
import { fingerprint } from './fingerprint.ts'
import type { Plan, PlannedFile, PlannedTensor, PlanSource } from './plan.ts'
import type { PlanRequest } from './plan-request.ts'
import { refuseRequantizing } from './requantize.ts'
import { asMatrix, tensorSource } from './tensor-source.ts'

/** Version of the block formats that readers check: `general.quantization_version`. Source: ggml.h GGML_QNT_VERSION. */
const quantizationVersion = 2

/**
 * The complete plan for what is asked for. Pure: the same folder headers, description and request give the same plan,
 * byte for byte.
 */
export function makePlan(folder: ModelInput, model: ModelDescription, request: PlanRequest): Plan {
  const { mix, types } = request
  const recipe = onlyRecipe(request)
  const mappings = model.from === 'gguf' ? inOrderOf(mix, model.tensors) : model.tensors
  const choices = chooseTypes(mappings, { architecture: model.architecture, ...model.dimensions }, recipe, mix, types)
  const typed = mappings.map((tensor, index) => withType(tensor, choices[index]))
  const layout = layOut(metadata(model, recipe), typed)
  const tensors = typed.map((tensor, index): PlannedTensor => {
    const { columns, rows } = asMatrix(tensor.shape)
    return {
      name: tensor.name,
      shape: tensor.shape,
      rows,
      columns,
      type: tensor.type,
      reason: tensor.choice.reason,
      fallback: tensor.choice.fallback,
      file: 0,
      offset: layout.tensors[index]?.offset ?? 0,
      byteLength: rows * rowBytes(tensor.type, columns),
      source: tensorSource(tensor, folder),
    }
  })
  if (request.allowRequantize !== true) refuseRequantizing(tensors)
  const file: PlannedFile = { recipe: recipe.name, shard: undefined, header: layout.header, size: layout.size }
  const body = { recipe: recipe.name, mix, sources: folder.shards.map(identity), files: [file], tensors }
  return { ...body, fingerprint: fingerprint(body) }
}

function onlyRecipe({ recipes }: PlanRequest): Recipe {
  const [recipe, another] = recipes
  if (recipe === undefined || another !== undefined) throw new TypeError('a plan has one recipe')
  return recipe
}

function metadata(model: ModelDescription, recipe: Recipe): GgufMetadata {
  const fileType = ['general.file_type', u32(recipe.fileType)] as const
  const version = ['general.quantization_version', u32(quantizationVersion)] as const
  // The order of llama.cpp's converter, and that of its quantizer.
  return new Map([...model.metadata, ...(model.from === 'gguf' ? [version, fileType] : [fileType, version])])
}

type TypedTensor = TensorMapping & { readonly type: TypeChoice['type']; readonly choice: TypeChoice }

function withType(tensor: TensorMapping, choice: TypeChoice | undefined): TypedTensor {
  if (choice === undefined) throw new TypeError(`no type was chosen for ${tensor.name}`)
  return { ...tensor, type: choice.type, choice }
}

function identity({ name, path, size, modifiedMs, headerSha256 }: PlanSource): PlanSource {
  return { name, path, size, modifiedMs, headerSha256 }
}
