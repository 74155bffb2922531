in vec3 in_point;     // head coordinates
in vec3 in_tangent;
in vec3 in_outward;
in vec4 in_strand;    // half width with its side's sign, share of the length, shade, layer
in float in_weight;
uniform mat4 head, torso;
uniform float widen;
uniform vec3 hair_colour;
uniform float shine, deep;   // deep: how dark the inner layers are
out vec4 look;

// Strands are thin: they are lit at their vertices.
vec4 lit_strand(vec3 place, vec3 t, vec3 n, vec3 strand) {
    vec3 view = seen_from(place);
    float shade = lit_by_taps(place, n * 1.2, strand.y * 9.0, 3);
    float open = mix(deep, 1.0, strand.z) * mix(0.55, 1.0, min(1.0, strand.x * 2.0));
    vec3 base = hair_colour * strand.y;
    vec3 sum = vec3(0.0);
    for (int i = 0; i < 2; i++) {
        vec3 l = i == 0 ? key_direction : rim_direction;
        vec3 c = i == 0 ? key_colour * mix(0.12, 1.0, shade) : rim_colour;
        float along = dot(t, l);
        float diffuse = sqrt(max(0.0, 1.0 - along * along)) * clamp((dot(n, l) + 0.45) / 1.45, 0.0, 1.0);
        vec3 h = normalize(l + view);
        float first = dot(t, h) + 0.10 * (strand.y - 1.0), second = first + 0.12;
        float high = pow(max(0.0, 1.0 - first * first), 60.0), low = pow(max(0.0, 1.0 - second * second), 18.0);
        float facing = clamp(dot(n, l) + 0.35, 0.0, 1.0);
        sum += c * (base * diffuse * 0.9 + shine * facing * (0.045 * high + 0.6 * base * low));
        // Light comes through thin outer hair from behind.
        sum += c * base * 0.5 * strand.z * pow(max(0.0, dot(-view, l)), 3.0);
    }
    sum += base * ambient(n) * 0.85;
    return developed(sum * open);
}

void main() {
    vec3 on_head = (head * vec4(in_point, 1.0)).xyz, on_torso = (torso * vec4(in_point, 1.0)).xyz;
    vec3 place = mix(on_torso, on_head, in_weight);
    mat3 turn = mat3(torso) * (1.0 - in_weight) + mat3(head) * in_weight;
    vec3 tangent = normalize(turn * in_tangent), outward = normalize(turn * in_outward);
    look = lit_strand(place, tangent, outward, in_strand.yzw);
    vec2 across = vec2(-tangent.y, tangent.x) / (length(tangent.xy) + 1e-4);
    float taper = mix(1.0, 0.35, in_strand.y * in_strand.y);
    place.xy += across * in_strand.x * taper * widen;
    gl_Position = to_clip(place);
}
