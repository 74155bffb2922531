in vec3 in_point;
in vec3 in_tangent;
in vec4 in_strand;
in float in_weight;
uniform mat4 head, torso;
uniform float widen;

void main() {
    vec3 on_head = (head * vec4(in_point, 1.0)).xyz, on_torso = (torso * vec4(in_point, 1.0)).xyz;
    vec3 place = mix(on_torso, on_head, in_weight);
    vec3 tangent = mix(mat3(torso) * in_tangent, mat3(head) * in_tangent, in_weight);
    vec2 across = vec2(-tangent.y, tangent.x) / (length(tangent.xy) + 1e-4);
    place.xy += across * in_strand.x * mix(1.0, 0.35, in_strand.y * in_strand.y) * widen;
    gl_Position = to_clip(place);
}
