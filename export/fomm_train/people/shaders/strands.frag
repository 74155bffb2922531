in vec4 look;
out vec4 colour;
void main() { colour = look; }
