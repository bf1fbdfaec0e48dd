import { rowBytes } from '../formats/ggml/block-types.ts'
import { layOut } from '../formats/gguf/layout.ts'
import { type GgufMetadata, u32 } from '../formats/gguf/values.ts'
import type { ModelFolder } from '../formats/safetensors/model-folder.ts'
import type { ModelDescription, TensorMapping } from '../model/description.ts'
import { chooseTypes, type TypeChoice } from '../quant/choose-types.ts'
import type { Recipe } from '../quant/recipes.ts'
import { fingerprint } from './fingerprint.ts'
import type { Plan, PlannedTensor, PlanSource } from './plan.ts'
import type { PlanRequest } from './plan-request.ts'
import { asMatrix, tensorSource } from './tensor-source.ts'

/** Version of the block formats that readers check: `general.quantization_version`. Source: ggml.h GGML_QNT_VERSION. */
const quantizationVersion = 2

/**
 * The complete plan for what is asked for. Pure: the same folder headers, description and request give the same plan,
 * byte for byte.
 */
export function makePlan(folder: ModelFolder, model: ModelDescription, request: PlanRequest): Plan {
  const { mix, types } = request
  const recipe = onlyRecipe(request)
  const choices = chooseTypes(
    model.tensors,
    {
      architecture: model.architecture,
      layers: model.hyperparameters.layers.value,
      heads: model.hyperparameters.heads.value,
      kvHeads: model.hyperparameters.kvHeads.value,
      experts: 0,
    },
    recipe,
    mix,
    types,
  )
  const typed = model.tensors.map((tensor, index) => withType(tensor, choices[index]))
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
      offset: layout.tensors[index]?.offset ?? 0,
      byteLength: rows * rowBytes(tensor.type, columns),
      source: tensorSource(tensor, folder),
    }
  })
  const body = {
    recipe: recipe.name,
    mix,
    sources: folder.shards.map(identity),
    header: layout.header,
    tensors,
    size: layout.size,
  }
  return { ...body, fingerprint: fingerprint(body) }
}

function onlyRecipe({ recipes }: PlanRequest): Recipe {
  const [recipe, another] = recipes
  if (recipe === undefined || another !== undefined) throw new TypeError('a plan has one recipe')
  return recipe
}

function metadata(model: ModelDescription, recipe: Recipe): GgufMetadata {
  return new Map([
    ...model.metadata,
    ['general.file_type', u32(recipe.fileType)] as const,
    ['general.quantization_version', u32(quantizationVersion)] as const,
  ])
}

type TypedTensor = TensorMapping & { readonly type: TypeChoice['type']; readonly choice: TypeChoice }

function withType(tensor: TensorMapping, choice: TypeChoice | undefined): TypedTensor {
  if (choice === undefined) throw new TypeError(`no type was chosen for ${tensor.name}`)
  return { ...tensor, type: choice.type, choice }
}

function identity({ name, path, size, modifiedMs, headerSha256 }: PlanSource): PlanSource {
  return { name, path, size, modifiedMs, headerSha256 }
}
