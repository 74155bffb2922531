uniform vec3 key_direction, key_colour, rim_direction, rim_colour;
uniform vec3 sky, ground, lobe_direction[3], lobe_colour[3];
uniform float softness;   // of the key light's shadows
uniform float exposure;
uniform sampler2D shadow_map;
uniform sampler2D noise_map;  // 1/f^1.5, 1/f, 1/f^0.5 and white noise

vec3 ambient(vec3 n) {
    vec3 light = mix(ground, sky, 0.5 - 0.5 * n.y);
    for (int i = 0; i < 3; i++) {
        float facing = max(0.0, 0.35 + 0.65 * dot(n, lobe_direction[i]));
        light += lobe_colour[i] * facing * facing;
    }
    return light;
}

const vec2 TAPS[8] = vec2[](vec2(-0.33, -0.86), vec2(0.42, -0.55), vec2(-0.91, -0.21), vec2(0.05, 0.06),
    vec2(0.93, 0.12), vec2(-0.52, 0.55), vec2(0.48, 0.75), vec2(-0.04, 0.98));

float lit_by_taps(vec3 place, vec3 n, float turn, int taps) {
    vec4 q = light_view * vec4(place + 0.045 * n, 1.0);
    vec2 uv = 0.5 + 0.5 * q.xy;
    float depth = 0.5 + 0.5 * q.z;
    mat2 rotation = mat2(cos(turn), sin(turn), -sin(turn), cos(turn)) * softness;
    float open = 0.0;
    for (int i = 0; i < taps; i++) open += step(depth - 0.006, texture(shadow_map, uv + rotation * TAPS[i]).r);
    return open / float(taps);
}

float lit(vec3 place, vec3 n, float turn) { return lit_by_taps(place, n, turn, 8); }

vec4 developed(vec3 light) {
    light *= exposure;
    // The curve of a film (Narkowicz 2015, ACES fitted), between it and its own colours kept.
    float top = max(light.r, max(light.g, light.b)) + 1e-5;
    vec3 each = light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14);
    float all = top * (2.51 * top + 0.03) / (top * (2.43 * top + 0.59) + 0.14);
    light = mix(each, light / top * all, 0.35);
    return vec4(pow(clamp(light, 0.0, 1.0), vec3(1.0 / 2.2)), 1.0);
}

vec3 seen_from(vec3 place) { return normalize(vec3(-stage.xy * 0.5, stage.w) - place); }

float dither(vec2 pixel) { return fract(sin(dot(pixel, vec2(12.99, 78.23))) * 43758.5) * 6.28; }

// Highlights on skin, teeth and frames.
vec3 lobes(vec3 n, float rough, float shade, float f0, vec3 view, float open_air) {
    vec3 sum = vec3(0.0);
    vec3 h = normalize(key_direction + view);
    float gl = 2.0 / (rough * rough) - 2.0;
    float fresnel = f0 + (1.0 - f0) * pow(1.0 - max(0.0, dot(h, view)), 5.0);
    sum += key_colour * shade * fresnel * (gl + 8.0) / 25.0 * pow(max(0.0, dot(n, h)), gl) * max(0.0, dot(n, key_direction));
    h = normalize(rim_direction + view);
    sum += rim_colour * f0 * 1.5 * (gl + 8.0) / 25.0 * pow(max(0.0, dot(n, h)), gl) * max(0.0, dot(n, rim_direction));
    float grazing = f0 + (1.0 - f0) * pow(1.0 - max(0.0, dot(n, view)), 5.0) * (1.0 - rough) * 0.9;
    sum += ambient(reflect(-view, n)) * grazing * open_air * 0.5;
    return sum;
}
