in vec3 place, normal, rest;
in vec4 regions;
in float open_air;
in vec2 uv;
out vec4 colour;
void main() {
    vec3 view = seen_from(place);
    float across = atan(rest.x, rest.z - 1.13) * 5.2;
    float gap = smoothstep(0.0, 0.16, abs(fract(across + 0.5) - 0.5));
    vec3 albedo = vec3(0.60, 0.55, 0.46) * mix(0.45, 1.0, gap);
    bool upper = rest.y > 6.655 + 0.25 * max(0.0, 1.35 - rest.z);
    float gum = rest.z > 0.0 ? smoothstep(0.10, 0.13, upper ? rest.y - 6.64 : 6.66 - rest.y) : 0.0;
    albedo = mix(albedo, vec3(0.35, 0.11, 0.10), gum);
    vec3 n = normalize(normal);
    float deep = smoothstep(0.95, 1.42, rest.z);
    float shade = lit(place, n, 2.0);
    vec3 light = key_colour * clamp(0.5 + 0.5 * dot(n, key_direction), 0.0, 1.0) * shade * 0.6 + ambient(n) * 0.42;
    vec3 c = (albedo * light + lobes(n, 0.3, shade, 0.03, view, 1.0) * 0.25) * mix(0.08, 1.0, deep);
    colour = developed(c);
}
