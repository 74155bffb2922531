in vec2 at;
out vec4 colour;
uniform sampler2D backdrop;
void main() { colour = texture(backdrop, vec2(0.5 + 0.5 * at.x, 0.5 - 0.5 * at.y)); }
