in vec3 place, normal, rest;
in vec4 regions;
in float open_air;
in vec2 uv;
out vec4 colour;
uniform vec3 frame_colour;

void main() {
    vec3 view = seen_from(place);
    vec3 n = normalize(normal);
    float shade = lit(place, n, 0.5);
    vec3 light = key_colour * max(0.0, dot(n, key_direction)) * shade + ambient(n);
    vec3 c = frame_colour * light + lobes(n, 0.22, shade, 0.05, view, 1.0) * 0.9;
    colour = developed(c);
}
