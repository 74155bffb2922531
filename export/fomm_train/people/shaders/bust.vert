in vec3 in_place;
in vec3 in_normal;
in vec3 in_rest;
in float in_part;
in vec4 in_regions;
in float in_open;
in vec2 in_texture;
out vec3 place, normal, rest;
out vec4 regions;
out float open_air;
out vec2 uv;
out float collar, cloth;

void main() {
    place = in_place;
    normal = in_normal;
    rest = in_rest;
    regions = in_regions;
    open_air = in_open;
    uv = in_texture;
    collar = float(in_part > 6.5);
    cloth = float(in_part > 3.5 && in_part < 4.5);
    gl_Position = to_clip(in_place);
}
