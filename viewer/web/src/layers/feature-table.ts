import { DataTexture, NearestFilter, RGBAFormat, SRGBColorSpace, UnsignedByteType } from "three";
import type { GLTFLoaderPlugin, GLTFParser } from "three/addons/loaders/GLTFLoader.js";

const METADATA = "EXT_structural_metadata";
export const TEXTURE_WIDTH = 256;
const COLUMNS = ["code", "kind", "ifc_class", "name", "storey"] as const;
type Column = (typeof COLUMNS)[number];

/** Alpha of a feature's texel: 0 hides it, 1 leaves its own colour, up to 255 covers it wholly. */
export const HIDDEN = 0;
export const PLAIN = 1;
export const COVERED = 255;

/** What one model says of its features, and the texture that paints them by feature id. */
export class FeatureTable {
  readonly texture: DataTexture;
  readonly index = new Map<string, number>();
  private readonly texels: Uint8Array<ArrayBuffer>;

  constructor(
    readonly count: number,
    readonly columns: Record<Column, string[]>,
  ) {
    const height = Math.max(1, Math.ceil(count / TEXTURE_WIDTH));
    this.texels = new Uint8Array(TEXTURE_WIDTH * height * 4);
    this.texture = new DataTexture(
      this.texels,
      TEXTURE_WIDTH,
      height,
      RGBAFormat,
      UnsignedByteType,
    );
    this.texture.colorSpace = SRGBColorSpace;
    this.texture.magFilter = NearestFilter;
    this.texture.minFilter = NearestFilter;
    for (const [id, code] of columns.code.entries()) this.index.set(code, id);
  }

  paint(id: number, r: number, g: number, b: number, a: number): void {
    const at = id * 4;
    this.texels[at] = r;
    this.texels[at + 1] = g;
    this.texels[at + 2] = b;
    this.texels[at + 3] = a;
  }

  visible(id: number): boolean {
    return this.texels[id * 4 + 3] !== HIDDEN;
  }

  visibleCount(): number {
    let count = 0;
    for (let id = 0; id < this.count; id++) if (this.visible(id)) count++;
    return count;
  }

  upload(): void {
    this.texture.needsUpdate = true;
  }

  dispose(): void {
    this.texture.dispose();
  }
}

interface TableJson {
  count: number;
  properties: Record<string, { values: number; stringOffsets: number; stringOffsetType?: string }>;
}

/** GLTFLoader plugin: reads the string columns of the first property table in one go each. */
export function featureTablePlugin(parser: GLTFParser): GLTFLoaderPlugin {
  return {
    name: METADATA,
    afterRoot: async (gltf) => {
      const json = parser.json.extensions?.[METADATA]?.propertyTables?.[0] as TableJson | undefined;
      if (!json) return;
      const read = async (name: Column) => [name, await column(parser, json, name)] as const;
      const columns = Object.fromEntries(await Promise.all(COLUMNS.map(read)));
      const table = new FeatureTable(json.count, columns as Record<Column, string[]>);
      gltf.scene.userData.features = table;
    },
  };
}

async function column(parser: GLTFParser, table: TableJson, name: string): Promise<string[]> {
  const property = table.properties[name];
  if (!property) return new Array<string>(table.count).fill(""); // absent: the schema's default
  const [bytes, offsetBytes] = (await Promise.all([
    parser.getDependency("bufferView", property.values),
    parser.getDependency("bufferView", property.stringOffsets),
  ])) as [ArrayBuffer, ArrayBuffer];
  const offsets = offsetsOf(offsetBytes, property.stringOffsetType ?? "UINT32");
  const decoder = new TextDecoder();
  const whole = new Uint8Array(bytes);
  return Array.from({ length: table.count }, (_, id) =>
    decoder.decode(whole.subarray(offsets[id] ?? 0, offsets[id + 1] ?? 0)),
  );
}

function offsetsOf(bytes: ArrayBuffer, type: string): Uint8Array | Uint16Array | Uint32Array {
  if (type === "UINT8") return new Uint8Array(bytes);
  if (type === "UINT16") return new Uint16Array(bytes);
  return new Uint32Array(bytes);
}
