uniform int neckline;   // index into CLOTHES

// How far above the neckline a place of the cloth is, dm; positive is cut away.
float beyond_neckline(vec3 at) {
    float back = clamp((0.85 - at.z) / 1.2, 0.0, 1.0);
    float front = smoothstep(0.1, 0.5, at.z);
    float beside = 0.82 - abs(at.x);   // shoulders may rise above the plane that cuts the neck free
    float crew = at.y - (5.50 + 0.46 * back);
    if (neckline == 1) return min(beside, max(crew, front * (at.y - 4.95 - 1.10 * abs(at.x))));
    if (neckline == 2) return min(beside, max(crew + 0.06, front * (at.y - 5.16 - 0.75 * at.x * at.x)));
    if (neckline == 3) return min(beside, at.y - (5.93 + 0.20 * back));
    return min(beside, crew);
}
