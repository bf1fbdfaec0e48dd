import { rowBytes } from '../formats/ggml/block-types.ts'
import { layOut } from '../formats/gguf/layout.ts'
import { type GgufMetadata, u32 } from '../formats/gguf/values.ts'
import type { ModelInput } from '../formats/model-input.ts'
import type { ModelDescription, TensorMapping } from '../model/description.ts'
import { chooseTypes, inOrderOf, type TypeChoice } from '../quant/choose-types.ts'
import type { Recipe } from '../quant/recipes.ts'
import { fingerprint } from './fingerprint.ts'
import { guidedTypes, importanceMetadata, importanceOf, plannedImportance } from './importance.ts'
import { overrideDimensions, overrideMetadata } from './metadata-override.ts'
import type { Plan, PlannedFile, PlannedTensor, PlanSource } from './plan.ts'
import type { PlanRequest } from './plan-request.ts'
import { refuseRequantizing } from './requantize.ts'
import { shardMetadata, splitTensors } from './split.ts'
import { asMatrix, tensorSource } from './tensor-source.ts'

/** Version of the block formats that readers check: `general.quantization_version`. Source: ggml.h GGML_QNT_VERSION. */
const quantizationVersion = 2

/**
 * The complete plan for what is asked for. Pure: the same headers, description and request give the same plan,
 * byte for byte.
 */
export function makePlan(input: ModelInput, model: ModelDescription, request: PlanRequest): Plan {
  const files: PlannedFile[] = []
  const tensors: PlannedTensor[] = []
  for (const recipe of request.recipes) {
    const output = planRecipe(input, model, request, recipe)
    tensors.push(...output.tensors.map((tensor) => ({ ...tensor, file: tensor.file + files.length })))
    files.push(...output.files)
  }
  if (request.allowRequantize !== true) refuseRequantizing(tensors)
  const recipe = request.recipes.map(({ name }) => name).join()
  const { mix, importance: given } = request
  const importance = given === undefined ? undefined : plannedImportance(given)
  const body = { recipe, mix, importance, sources: input.shards.map(identity), files, tensors }
  return { ...body, fingerprint: fingerprint(body) }
}

/** The files of one recipe, numbered from 0. */
function planRecipe(
  input: ModelInput,
  model: ModelDescription,
  { mix, types, metadataOverrides = [], split, importance }: PlanRequest,
  recipe: Recipe,
): Pick<Plan, 'files' | 'tensors'> {
  const { architecture } = model
  const mappings = inOrderOf(mix, model.from === 'gguf' ? model.tensors : model.tensors.map(withKeptType(input)))
  const shape = { architecture, ...overrideDimensions(model.dimensions, architecture, metadataOverrides) }
  const choices = chooseTypes(mappings, shape, recipe, mix, guidedTypes(types, mappings, importance))
  const ofImportance = importance === undefined ? [] : importanceMetadata(plannedImportance(importance))
  const whole = overrideMetadata(metadata(model, recipe), [...metadataOverrides, ...ofImportance])
  const typed = mappings.map((tensor, index) => withType(tensor, choices[index]))
  const groups = split === undefined ? [[...typed.keys()]] : splitTensors(typed.map(byteLengthOf), split)
  const files: PlannedFile[] = []
  const tensors: PlannedTensor[] = []
  for (const [index, group] of groups.entries()) {
    const own = group.flatMap((position) => typed[position] ?? [])
    const place = { index, count: groups.length, tensors: typed.length }
    const layout = layOut(split === undefined ? whole : shardMetadata(whole, place), own)
    const shard = split === undefined ? undefined : { index, count: groups.length }
    files.push({ recipe: recipe.name, shard, header: layout.header, size: layout.size })
    for (const [position, tensor] of own.entries()) {
      const source = tensorSource(tensor, input)
      tensors.push({
        name: tensor.name,
        shape: tensor.shape,
        ...asMatrix(tensor.shape),
        type: tensor.type,
        reason: tensor.choice.reason,
        fallback: tensor.choice.fallback,
        file: index,
        offset: layout.tensors[position]?.offset ?? 0,
        byteLength: byteLengthOf(tensor),
        source,
        importance: importanceOf(importance, recipe.name, { ...tensor, source }),
      })
    }
  }
  return { files, tensors }
}

function byteLengthOf({ shape, type }: TypedTensor): number {
  const { rows, columns } = asMatrix(shape)
  return rows * rowBytes(type, columns)
}

/** The keys of a recipe come last, in the order of `llama_model_quantize`. */
function metadata(model: ModelDescription, recipe: Recipe): GgufMetadata {
  return new Map([
    ...model.metadata,
    ['general.quantization_version', u32(quantizationVersion)],
    ['general.file_type', u32(recipe.fileType)],
  ])
}

/** An output projection that is left as it is keeps the type of its source; the converter makes all else F32. */
function withKeptType(input: ModelInput): (tensor: TensorMapping) => TensorMapping {
  return (tensor) => {
    const source = tensor.name === 'output.weight' ? tensorSource(tensor, input) : undefined
    return source?.kind === 'rows' ? { ...tensor, keptAs: source.dtype } : tensor
  }
}

type TypedTensor = TensorMapping & { readonly type: TypeChoice['type']; readonly choice: TypeChoice }

function withType(tensor: TensorMapping, choice: TypeChoice | undefined): TypedTensor {
  if (choice === undefined) throw new TypeError(`no type was chosen for ${tensor.name}`)
  return { ...tensor, type: choice.type, choice }
}

function identity({ name, path, size, modifiedMs, headerSha256 }: PlanSource): PlanSource {
  return { name, path, size, modifiedMs, headerSha256 }
}
