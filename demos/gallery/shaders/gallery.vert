// SPDX-License-Identifier: MIT
#version 450
layout(location = 0) in vec3 position;
layout(location = 1) in vec2 uv;
layout(location = 2) in vec4 normal;
layout(location = 3) in vec4 colour;

layout(push_constant) uniform Push {
    mat4 to_clip;
    vec4 turn_shine; // cosine and sine of the exhibit's turn, shine, 1 for an exhibit
} push;

layout(location = 0) out vec2 out_uv;
layout(location = 1) out vec3 out_colour;
layout(location = 2) out float out_depth;

void main() {
    gl_Position = push.to_clip * vec4(position, 1.0);
    out_uv = uv;
    out_depth = gl_Position.w;
    vec3 light = vec3(1.0);
    if (push.turn_shine.w > 0.5) {
        float c = push.turn_shine.x, s = push.turn_shine.y;
        vec3 n = vec3(c * normal.x + s * normal.z, normal.y, -s * normal.x + c * normal.z);
        vec3 lamp = normalize(vec3(0.4, 0.85, 0.35));
        float gloss = pow(max(dot(n, normalize(lamp + vec3(0.0, 0.2, 1.0))), 0.0), 24.0);
        light = vec3(0.36 + 0.74 * max(dot(n, lamp), 0.0)) + 0.55 * push.turn_shine.z * gloss;
    }
    out_colour = colour.rgb * light;
}
