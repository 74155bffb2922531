in vec3 place, normal, rest;
in vec4 regions;
in float open_air;
in vec2 uv;
in float collar;
out vec4 colour;
uniform vec3 cloth_colour, second_cloth;
uniform int pattern;      // index into PATTERNS
uniform vec2 pattern_scale;

vec3 fold(vec3 n, vec2 at, float strength) {
    // A bump from the noise map, in the plane of the picture.
    float e = 1.0 / 512.0;
    float h = texture(noise_map, at).r;
    vec2 slope = vec2(texture(noise_map, at + vec2(e, 0)).r - h, texture(noise_map, at + vec2(0, e)).r - h) / e;
    return normalize(n + strength * vec3(slope.x, -slope.y, 0.0));
}

void main() {
    vec3 view = seen_from(place);
        float cut = beyond_neckline(rest);
    if (collar < 0.5 && cut > 0.0) discard;
    vec3 albedo = cloth_colour;
    vec2 at = vec2(rest.x, rest.y) * pattern_scale;
    if (pattern == 1) albedo = mix(albedo, second_cloth, step(0.5, fract(at.y)));
    if (pattern == 2) albedo = mix(albedo, second_cloth, 0.45 * (step(0.75, fract(at.x)) + step(0.75, fract(at.y))));
    if (pattern == 3) albedo *= 0.6 + 0.8 * texture(noise_map, rest.xy * 1.7).a;
    float dark = 1.0;
    if (neckline == 5) {  // a jacket over a shirt
        float opening = (rest.y - 3.9) * 0.36 - abs(rest.x);
        if (opening > 0.0 && rest.z > 0.2) { albedo = second_cloth; dark *= mix(0.5, 1.0, smoothstep(0.0, 0.12, opening)); }
        else if (opening > -0.30 && rest.z > 0.2) { albedo *= 0.86; dark *= mix(0.55, 1.0, smoothstep(0.0, 0.03, opening + 0.30)); }
    }
    if (neckline == 4 && rest.z > 0.2 && abs(rest.x) < 0.11) dark *= mix(0.7, 1.0, smoothstep(0.0, 0.02, abs(abs(rest.x) - 0.10)));
    if (neckline == 6 && rest.z > 0.2) dark *= mix(0.6, 1.0, smoothstep(0.0, 0.02, abs(rest.x)));
    if (collar < 0.5 && neckline != 4) dark *= mix(0.72, 1.0, smoothstep(0.015, 0.03, abs(cut + 0.11)));
    albedo *= 0.93 + 0.14 * texture(noise_map, rest.xy * vec2(2.1, 1.7)).b;
    vec3 n = fold(normalize(normal), rest.xy * vec2(0.13, 0.09) + 0.3, mix(0.020, 0.008, collar));
    n = fold(n, rest.xy * vec2(0.5, 0.35), 0.0015);
    float shade = lit(place, n, dither(gl_FragCoord.xy));
    vec3 light = key_colour * clamp((dot(n, key_direction) + 0.1) / 1.1, 0.0, 1.0) * shade
        + rim_colour * max(0.0, dot(n, rim_direction)) + ambient(n) * mix(0.45, 1.0, open_air);
    float sheen = pow(1.0 - max(0.0, dot(n, view)), 4.0) * 0.12;
    colour = developed((albedo + sheen * sqrt(albedo)) * light * dark);
}
