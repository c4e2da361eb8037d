// SPDX-License-Identifier: MIT
#version 450
layout(set = 0, binding = 0) uniform sampler2D picture;
layout(location = 0) in vec2 uv;
layout(location = 1) in vec3 colour;
layout(location = 2) in float depth;
layout(location = 0) out vec4 result;

void main() {
    vec3 lit = texture(picture, uv).rgb * colour;
    float haze = clamp((depth - 6.0) / 40.0, 0.0, 0.75);
    result = vec4(mix(lit, vec3(0.93, 0.90, 0.84), haze), 1.0);
}
