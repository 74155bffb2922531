in vec3 place, normal, rest;
in vec4 regions;
in float open_air;
in vec2 uv;
out vec4 colour;
uniform vec3 lash_colour;

void main() {
    // Hairs along the strip.
    if (fract(uv.x * 620.0 + 0.5 * sin(uv.x * 3000.0)) > 0.62) discard;
    colour = developed(lash_colour * (ambient(normalize(normal)) + 0.3 * key_colour));
}
