out vec4 colour;
uniform int first_id;

// The triangle's number; for the shadow map only the depth counts.
void main() {
    int id = first_id + gl_PrimitiveID;
    colour = vec4(id & 255, (id >> 8) & 255, (id >> 16) & 255, 255) / 255.0;
}
