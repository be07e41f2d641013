import { DoubleSide, MeshLambertMaterial, type Texture } from "three";

/** Values shared by all feature materials: changing one changes every model at the next picture. */
export const look = {
  /** Opacity of what carries no state colour; 1 draws it solid. */
  ghost: { value: 1 },
};

const VERTEX_HEAD = `
attribute float _feature_id_0;
uniform sampler2D featureStates;
varying vec4 vFeature;
`;
// A hidden feature's three vertices fall together outside the picture: nothing is rasterised.
const VERTEX_END = `
int featureId = int(_feature_id_0 + 0.5);
int featureWidth = textureSize(featureStates, 0).x;
vFeature = texelFetch(featureStates, ivec2(featureId % featureWidth, featureId / featureWidth), 0);
if (vFeature.a < 0.002) gl_Position = vec4(0.0, 0.0, 2.0, 1.0);
`;
const FRAGMENT_HEAD = `
uniform float ghost;
varying vec4 vFeature;
`;
const FRAGMENT_COLOUR = `
float covered = clamp((vFeature.a * 255.0 - 1.0) / 254.0, 0.0, 1.0);
diffuseColor.rgb = mix(diffuseColor.rgb, vFeature.rgb, covered);
diffuseColor.a = max(diffuseColor.a, covered > 0.95 ? 0.9 : 0.0);
if (ghost < 1.0 && covered < 0.7) diffuseColor.a *= ghost;
`;

/** Flat-shaded (no normals needed), double-sided, painted by the texture of feature states. */
export function featureMaterial(states: Texture, transparent: boolean): MeshLambertMaterial {
  const material = new MeshLambertMaterial({
    vertexColors: true,
    flatShading: true,
    side: DoubleSide,
    transparent,
    depthWrite: !transparent,
    forceSinglePass: true,
  });
  material.onBeforeCompile = (shader) => {
    shader.uniforms.featureStates = { value: states };
    shader.uniforms.ghost = look.ghost;
    shader.vertexShader = VERTEX_HEAD + shader.vertexShader.replace(/}\s*$/, `${VERTEX_END}}`);
    shader.fragmentShader =
      FRAGMENT_HEAD +
      shader.fragmentShader.replace(
        "#include <color_fragment>",
        `#include <color_fragment>\n${FRAGMENT_COLOUR}`,
      );
  };
  material.customProgramCacheKey = () => "feature-states";
  return material;
}
