in vec3 place, normal, rest;
in vec4 regions;
in float open_air;
in vec2 uv;
out vec4 colour;
uniform float tint;

void main() {
    vec3 view = seen_from(place);
    vec3 n = normalize(normal);
    vec3 mirrored = reflect(-view, n);
    float grazing = 0.04 + 0.96 * pow(1.0 - max(0.0, dot(n, view)), 5.0);
    float window = smoothstep(0.88, 0.93, dot(mirrored, normalize(lobe_direction[0])));
    vec3 light = ambient(mirrored) * grazing * 2.0 + window * lobe_colour[0] * 0.10;
    vec4 developed_light = developed(light);
    colour = vec4(developed_light.rgb, tint > 0.0 ? tint : clamp(dot(developed_light.rgb, vec3(0.33)) * 0.6, 0.0, 0.8));
}
