in vec3 place, normal, rest;
in vec4 regions;
in float open_air;
in vec2 uv;
out vec4 colour;
uniform mat3 head_turn;
uniform vec3 iris_colour;
uniform vec3 gaze_left, gaze_right, eye_left_place, eye_right_place;   // camera coordinates
uniform float iris_size, pupil_size, redness;                          // radians seen from the eyeball's centre

void main() {
    vec3 view = seen_from(place);
    bool right = rest.x > 0.0;
    vec3 axis = right ? gaze_right : gaze_left;
    vec3 d = normalize(place - (right ? eye_right_place : eye_left_place));
    float r = acos(clamp(dot(d, axis), -1.0, 1.0));
    vec3 side = normalize(cross(vec3(0.0, 1.0, 0.0), axis)), up = cross(axis, side);
    float phi = atan(dot(d, up), dot(d, side));
    // The lids shade the upper part and the corners.
    vec3 local = transpose(head_turn) * d;
    float below = smoothstep(-0.48, 0.05, local.y + 0.10);
    float corners = 1.0 - smoothstep(0.35, 0.95, abs(local.x));
    float open = mix(0.30, 1.0, below) * mix(0.45, 1.0, corners);
    vec3 veins = mix(vec3(1.0), vec3(1.0, 0.72, 0.68), smoothstep(0.55, 0.9, texture(noise_map, vec2(phi * 0.5, r * 0.6)).g) * 0.6 * redness);
    vec3 white = vec3(0.62, 0.57, 0.54) * veins * mix(vec3(1.0), vec3(1.0, 0.78, 0.74), smoothstep(0.7, 1.2, r) * 0.6);
    float fibre = texture(noise_map, vec2(phi / 6.2832 * 2.0, r * 0.35)).b;
    float ring = r / iris_size;
    vec3 iris = iris_colour * (0.45 + 1.1 * fibre) * mix(1.25, 0.8, ring);
    iris = mix(iris, iris_colour * 1.5 + 0.02, exp(-pow((r - pupil_size * 1.35) / 0.06, 2.0)) * 0.35);
    iris *= mix(1.0, 0.22, smoothstep(0.78, 1.0, ring));
    iris = mix(vec3(0.004), iris, smoothstep(pupil_size - 0.03, pupil_size + 0.03, r));
    vec3 albedo = mix(iris, white, smoothstep(iris_size - 0.035, iris_size + 0.045, r));
    float shade = lit(place, d, 1.0);
    vec3 n = normalize(mix(d, view, 0.15));
    vec3 light = key_colour * clamp((dot(n, key_direction) + 0.25) / 1.25, 0.0, 1.0) * mix(0.35, 1.0, shade) + ambient(n) * 0.9;
    vec3 c = albedo * light * open;
    // The cornea mirrors the lights.
    vec3 bulge = normalize(d + 0.30 * axis * smoothstep(iris_size + 0.1, 0.0, r) * (d - axis * dot(d, axis)));
    vec3 mirrored = reflect(-view, bulge);
    float spot = smoothstep(0.955, 0.975, dot(mirrored, key_direction));
    float second = smoothstep(0.97, 0.985, dot(mirrored, normalize(lobe_direction[0])));
    c += spot * key_colour * 0.9 * mix(0.3, 1.0, shade) + second * lobe_colour[0] * 0.8;
    c += ambient(mirrored) * 0.035 * open;
    colour = developed(c);
}
