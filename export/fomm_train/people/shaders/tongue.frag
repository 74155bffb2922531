in vec3 place, normal, rest;
in vec4 regions;
in float open_air;
in vec2 uv;
out vec4 colour;
void main() {
    vec3 view = seen_from(place);
    vec3 n = normalize(normal);
    float deep = smoothstep(0.8, 1.35, rest.z);
    float shade = lit(place, n, 3.0);
    vec3 light = key_colour * max(0.0, dot(n, key_direction)) * shade * 0.6 + ambient(n) * 0.4;
    vec3 c = (vec3(0.42, 0.14, 0.13) * light + lobes(n, 0.35, shade, 0.03, view, 1.0) * 0.3) * mix(0.1, 1.0, deep);
    colour = developed(c);
}
