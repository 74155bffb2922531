in vec3 rest;
in float cloth;
out vec4 colour;
uniform int first_id;

void main() {
    // Cloth above the neckline is cut away, and skin under the cloth.
    float cut = beyond_neckline(rest);
    if (cloth > 0.5 ? cut > 0.0 : cut < -0.03) discard;
    int id = first_id + gl_PrimitiveID;
    colour = vec4(id & 255, (id >> 8) & 255, (id >> 16) & 255, 255) / 255.0;
}
