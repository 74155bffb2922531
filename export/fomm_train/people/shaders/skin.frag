in vec3 place, normal, rest;
in vec4 regions;
in float open_air;
in vec2 uv;
out vec4 colour;
uniform mat3 head_turn;
uniform sampler2D skin_colour, skin_relief;
uniform vec3 skin_base, lip_colour;
uniform float relief, gloss_lips;
const float PI = 3.14159265;

void main() {
    if (beyond_neckline(rest) < -0.03) discard;   // under the clothes
    vec3 view = seen_from(place);
    float angle = atan(rest.x, rest.z - 0.45);
    vec2 at = vec2(angle / (2.0 * PI) + 0.5, (8.6 - rest.y) / 3.3);
    vec4 paint = texture(skin_colour, at);
    vec3 albedo = paint.rgb * paint.rgb;
    float gloss = paint.a;
    vec3 n = normalize(normal);
    vec3 along = head_turn * vec3(cos(angle), 0.0, -sin(angle)), up = head_turn * vec3(0.0, -1.0, 0.0);
    vec2 slope = (texture(skin_relief, at).rg - 0.502) * 2.0;
    float lips = smoothstep(0.30, 0.62, regions.x), ears = smoothstep(0.1, 0.5, regions.z);
    albedo = mix(albedo, skin_base * vec3(0.98, 0.78, 0.76), ears);
    vec2 lines = vec2(rest.x * 2.6, rest.y * 0.5);
    float creases = texture(noise_map, lines).b;
    albedo = mix(albedo, lip_colour * (0.82 + 0.36 * creases), lips * (1.0 - regions.y));
    gloss = mix(gloss, gloss_lips, lips);
    slope = mix(slope, vec2((texture(noise_map, lines + vec2(0.004, 0.0)).b - creases) * 7.0, 0.0), lips);
    if (rest.y < 5.9) slope *= 0.4;
    vec3 fine = normalize(n - relief * (1.0 - ears) * (slope.x * along + slope.y * up));
    float inside = smoothstep(0.3, 0.7, regions.y);
    albedo = mix(albedo, vec3(0.20, 0.045, 0.04), inside);
    float open = open_air * mix(1.0, 0.25, inside);

    float shade = lit(place, n, dither(gl_FragCoord.xy));
    // Light wanders under skin, red farthest: soft normals and a soft edge of shadow for it, sharp ones for blue.
    vec3 facing = vec3(dot(mix(fine, n, 0.85), key_direction), dot(mix(fine, n, 0.5), key_direction), dot(fine, key_direction));
    vec3 wrap = vec3(0.32, 0.17, 0.10);
    vec3 diffuse = pow(clamp((facing + wrap) / (1.0 + wrap), 0.0, 1.0), vec3(1.15));
    vec3 shadow = pow(vec3(shade), vec3(0.75, 1.0, 1.1));
    vec3 rim = rim_colour * clamp((dot(fine, rim_direction) + 0.15) / 1.15, 0.0, 1.0);
    vec3 ao = pow(vec3(open), vec3(0.75, 1.05, 1.15));
    vec3 light = key_colour * diffuse * shadow + rim * mix(0.5, 1.0, open) + ambient(mix(fine, n, 0.4)) * ao;
    // Ears let light through.
    light += ears * vec3(0.5, 0.10, 0.05) * (key_colour * max(0.0, -facing.x) + rim_colour * max(0.0, -dot(n, rim_direction))) * 0.6;
    vec3 c = albedo * light;
    c += lobes(fine, mix(0.62, 0.42, gloss), shade * open, 0.028, view, open_air) * (0.45 + 0.9 * gloss) * (1.0 - inside);
    c += lobes(normalize(mix(fine, n, 0.5)), 0.28, shade * open, 0.028, view, open_air) * 0.35 * gloss * gloss;
    colour = developed(c);
}
