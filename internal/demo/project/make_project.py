"""Makes the demo's project: a shot with its textures, plates and a linked library, all from one seed.

Run by Blender (3.4 or later), which brings numpy:

    blender -b --factory-startup --python-exit-code 1 -P make_project.py -- --out DIR [--seed N] [--frames N]
        [--width PX] [--height PX] [--samples N] [--megabytes MB]

The same arguments give the same pictures. Below DIR it leaves

    library/props.blend        meshes and materials that the shot links
    textures/*.png             what every frame reads
    plates/plate_NNNN.png      an image sequence of which each frame reads its own picture
    shots/weir/weir.blend      the shot, with relative paths only
    render/weir/               where frames go
"""

import argparse
import math
import os
import random
import struct
import sys
import zlib

import bpy
import numpy as np


def arguments():
    p = argparse.ArgumentParser(prog="make_project.py")
    p.add_argument("--out", required=True)
    p.add_argument("--seed", type=int, default=7)
    p.add_argument("--frames", type=int, default=24)
    p.add_argument("--width", type=int, default=480)
    p.add_argument("--height", type=int, default=270)
    p.add_argument("--samples", type=int, default=16)
    p.add_argument("--megabytes", type=int, default=100, help="size of the external assets, about")
    return p.parse_args(sys.argv[sys.argv.index("--") + 1:])


# ---- pictures -------------------------------------------------------------------------------------------------------

def write_png(path, pixels):
    """Writes an (h, w, 3) uint8 array as an 8-bit RGB PNG."""
    h, w, _ = pixels.shape
    rows = np.empty((h, 1 + w * 3), np.uint8)
    rows[:, 0] = 0  # filter: none
    rows[:, 1:] = pixels.reshape(h, w * 3)

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n")
        f.write(chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)))
        f.write(chunk(b"IDAT", zlib.compress(rows.tobytes(), 1)))
        f.write(chunk(b"IEND", b""))


def clouds(rng, size, octaves=5):
    """Smooth noise in 0..1, (size, size), that tiles."""
    out = np.zeros((size, size), np.float32)
    for o in range(octaves):
        n = 2 ** (o + 2)
        coarse = rng.random((n, n), np.float32)
        at = np.arange(size, dtype=np.float32) * n / size
        i, f = at.astype(int), at % 1
        f = f * f * (3 - 2 * f)
        j = (i + 1) % n
        rows = coarse[i] * (1 - f)[:, None] + coarse[j] * f[:, None]
        out += (rows[:, i] * (1 - f) + rows[:, j] * f) / 2 ** (o + 1)
    return out


def textured(rng, size, low, high, grain):
    """An (size, size, 3) picture between two colours, with film grain so that it does not compress away."""
    t = clouds(rng, size)[:, :, None]
    picture = np.array(low, np.float32) * (1 - t) + np.array(high, np.float32) * t
    picture += rng.normal(0, grain, (size, size, 3)).astype(np.float32)
    return (np.clip(picture, 0, 1) * 255).astype(np.uint8)


SURFACES = [  # name, dark, light
    ("concrete", (0.22, 0.22, 0.21), (0.62, 0.60, 0.56)),
    ("wet_stone", (0.05, 0.06, 0.07), (0.30, 0.33, 0.34)),
    ("moss", (0.05, 0.09, 0.03), (0.28, 0.38, 0.14)),
    ("rust", (0.16, 0.05, 0.02), (0.62, 0.29, 0.11)),
    ("paint_red", (0.30, 0.03, 0.02), (0.75, 0.12, 0.07)),
    ("paint_blue", (0.02, 0.08, 0.22), (0.10, 0.34, 0.62)),
    ("brass", (0.30, 0.18, 0.04), (0.82, 0.62, 0.26)),
    ("water", (0.01, 0.06, 0.08), (0.09, 0.27, 0.31)),
]


def make_pictures(out, seed, frames, megabytes):
    """Textures take about 60 %, plates 40 % of the megabytes. Returns the textures' file names."""
    textures, plates = os.path.join(out, "textures"), os.path.join(out, "plates")
    os.makedirs(textures, exist_ok=True)
    os.makedirs(plates, exist_ok=True)
    names = []
    side = max(32, int(math.sqrt(megabytes * 0.60e6 / len(SURFACES) / 2.45)) // 16 * 16)
    for i, (name, low, high) in enumerate(SURFACES):
        rng = np.random.default_rng([seed, 1, i])
        names.append(name + ".png")
        write_png(os.path.join(textures, names[-1]), textured(rng, side, low, high, 0.07))
    side = max(32, int(math.sqrt(megabytes * 0.40e6 / frames / 2.45)) // 16 * 16)
    base = clouds(np.random.default_rng([seed, 2]), side)
    for frame in range(1, frames + 1):
        rng = np.random.default_rng([seed, 3, frame])
        moved = np.roll(base, frame * side // frames, 0)[:, :, None]
        picture = moved * np.array((0.25, 0.75, 0.95), np.float32) + rng.normal(0, 0.07, (side, side, 3)).astype(np.float32)
        bar = int(side * frame / frames)
        picture[side * 15 // 16:, :bar] = (0.95, 0.55, 0.15)  # how far the shot is, so that frames tell themselves apart
        write_png(os.path.join(plates, "plate_%04d.png" % frame), (np.clip(picture, 0, 1) * 255).astype(np.uint8))
    return names


# ---- the library ----------------------------------------------------------------------------------------------------

def material(name, image_path, rough=0.6, metal=0.0, scale=1.0):
    m = bpy.data.materials.new(name)
    m.use_nodes = True
    nodes, links = m.node_tree.nodes, m.node_tree.links
    bsdf = nodes["Principled BSDF"]
    bsdf.inputs["Roughness"].default_value = rough
    bsdf.inputs["Metallic"].default_value = metal
    coords, place, image = nodes.new("ShaderNodeTexCoord"), nodes.new("ShaderNodeMapping"), nodes.new("ShaderNodeTexImage")
    image.image = bpy.data.images.load(image_path, check_existing=True)
    image.projection, image.projection_blend = "BOX", 0.2
    place.inputs["Scale"].default_value = (scale, scale, scale)
    links.new(coords.outputs["Object"], place.inputs["Vector"])
    links.new(place.outputs["Vector"], image.inputs["Vector"])
    links.new(image.outputs["Color"], bsdf.inputs["Base Color"])
    return m


def shade_smooth(mesh):
    mesh.polygons.foreach_set("use_smooth", [True] * len(mesh.polygons))


def knot_mesh(name, p, q, segments, sides, thickness):
    """A (p, q) torus knot as a tube."""
    mesh = bpy.data.meshes.new(name)
    t = np.linspace(0, 2 * math.pi, segments, endpoint=False)
    r = 2 + np.cos(q * t)
    centre = np.stack([r * np.cos(p * t), r * np.sin(p * t), -np.sin(q * t)], 1)
    tangent = np.roll(centre, -1, 0) - np.roll(centre, 1, 0)
    tangent /= np.linalg.norm(tangent, axis=1)[:, None]
    side = np.cross(tangent, centre + (0.0, 0.0, 3.0))
    side /= np.linalg.norm(side, axis=1)[:, None]
    up = np.cross(side, tangent)
    a = np.linspace(0, 2 * math.pi, sides, endpoint=False)
    ring = np.cos(a)[None, :, None] * side[:, None, :] + np.sin(a)[None, :, None] * up[:, None, :]
    vertices = (centre[:, None, :] + ring * thickness).reshape(-1, 3)
    faces = []
    for i in range(segments):
        k = (i + 1) % segments
        for j in range(sides):
            l = (j + 1) % sides
            faces.append((i * sides + j, k * sides + j, k * sides + l, i * sides + l))
    mesh.from_pydata(vertices.tolist(), [], faces)
    shade_smooth(mesh)
    return mesh


def empty_scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.preferences.filepaths.save_version = 0  # no .blend1 beside what is saved twice


def save(path):
    """Saves with relative paths only, so that the project works wherever it is mounted. A path is relative to a saved file."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    bpy.ops.wm.save_as_mainfile(filepath=path, compress=False)
    bpy.ops.file.make_paths_relative()
    bpy.ops.wm.save_mainfile(compress=False)


def make_library(out, textures, detail):
    empty_scene()
    folder = os.path.join(out, "textures")
    look = {
        "concrete": dict(rough=0.9, scale=0.35), "wet_stone": dict(rough=0.25, scale=0.5), "moss": dict(rough=1.0, scale=0.8),
        "rust": dict(rough=0.8, scale=0.7), "paint_red": dict(rough=0.3, scale=0.5), "paint_blue": dict(rough=0.3, scale=0.5),
        "brass": dict(rough=0.2, metal=1.0, scale=0.5), "water": dict(rough=0.05, scale=0.2),
    }
    made = {n[:-4]: material(n[:-4], os.path.join(folder, n), **look[n[:-4]]) for n in textures}
    props = bpy.data.collections.new("props")
    bpy.context.scene.collection.children.link(props)
    knot = bpy.data.objects.new("knot", knot_mesh("knot", 2, 3, 40 * detail, 6 * detail // 4 * 2, 0.42))
    knot.data.materials.append(made["brass"])
    props.objects.link(knot)
    for m in made.values():
        m.use_fake_user = True
    path = os.path.join(out, "library", "props.blend")
    save(path)
    return path


# ---- the shot -------------------------------------------------------------------------------------------------------

def box(collection, name, size, at, mat):
    mesh = bpy.data.meshes.new(name)
    x, y, z = (s / 2 for s in size)
    corners = [(i, j, k) for i in (-x, x) for j in (-y, y) for k in (-z, z)]
    mesh.from_pydata(corners, [], [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)])
    mesh.materials.append(mat)
    o = bpy.data.objects.new(name, mesh)
    o.location = at
    collection.objects.link(o)
    return o


def screen_material(plate, frames):
    """Emits the plate of the current frame."""
    m = bpy.data.materials.new("screen")
    m.use_nodes = True
    nodes, links = m.node_tree.nodes, m.node_tree.links
    nodes.clear()
    out, emit, image = nodes.new("ShaderNodeOutputMaterial"), nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeTexImage")
    coords = nodes.new("ShaderNodeTexCoord")
    image.image = bpy.data.images.load(plate)
    image.image.source = "SEQUENCE"
    image.image_user.frame_duration = frames
    image.image_user.frame_start = 1
    image.image_user.use_auto_refresh = True
    emit.inputs["Strength"].default_value = 2.2
    links.new(coords.outputs["Generated"], image.inputs["Vector"])
    links.new(image.outputs["Color"], emit.inputs["Color"])
    links.new(emit.outputs["Emission"], out.inputs["Surface"])
    return m


def key(thing, path, value_at, frames, index=-1):
    for frame in range(1, frames + 1):
        value_at(thing, (frame - 1) / max(1, frames - 1))
        thing.keyframe_insert(path, index=index, frame=frame)


def light(scene, name, colour, energy, size):
    data = bpy.data.lights.new(name, "AREA")
    data.color, data.energy, data.size = colour, energy, size
    o = bpy.data.objects.new(name, data)
    scene.collection.objects.link(o)
    return o


def look_at(o, target):
    direction = [t - c for t, c in zip(target, o.location)]
    flat = math.hypot(direction[0], direction[1])
    o.rotation_euler = (math.atan2(flat, -direction[2]), 0.0, math.atan2(direction[1], direction[0]) - math.pi / 2)


def make_shot(out, library, args):
    empty_scene()
    scene = bpy.context.scene
    scene.name = "weir"
    path = os.path.join(out, "shots", "weir", "weir.blend")
    os.makedirs(os.path.join(out, "render", "weir"), exist_ok=True)

    with bpy.data.libraries.load(library, link=True) as (there, here):
        here.materials, here.objects = there.materials, ["knot"]
    mats, knot = {m.name: m for m in here.materials}, here.objects[0]
    set_ = bpy.data.collections.new("set")
    scene.collection.children.link(set_)

    dice = random.Random(args.seed)
    box(set_, "basin", (60, 60, 0.2), (0, 0, -0.1), mats["water"])
    for step in range(6):  # the weir: steps that rise to the back
        box(set_, "step%d" % step, (14, 1.6, 0.55 * (step + 1)), (0, 2 + step * 1.6, 0.275 * (step + 1)),
            mats["concrete" if step % 2 else "wet_stone"])
    for side in (-1, 1):
        box(set_, "pier", (1.4, 12, 5.2), (side * 7.6, 6, 2.6), mats["concrete"])
        box(set_, "cap", (1.9, 12.4, 0.3), (side * 7.6, 6, 5.35), mats["moss"])
    for n in range(14):
        stone = box(set_, "block%02d" % n, [dice.uniform(0.4, 1.1) for _ in range(3)],
                    (dice.uniform(-6, 6), dice.uniform(-4, 0.6), 0.25), mats[dice.choice(["rust", "paint_red", "paint_blue", "moss"])])
        stone.rotation_euler = [dice.uniform(-0.4, 0.4) for _ in range(3)]
    for n in range(3):
        turning = knot.copy()
        turning.location, turning.scale = (-4 + 4 * n, 0.4, 1.6), (0.42,) * 3
        set_.objects.link(turning)

        def spin(o, t, n=n):
            o.rotation_euler = (math.radians(70 + 25 * n), math.radians(360 * t / 3), math.radians(60 * n + 120 * t))
        key(turning, "rotation_euler", spin, args.frames)

    screen = bpy.data.objects.new("screen", bpy.data.meshes.new("screen"))
    screen.data.from_pydata([(-3.2, 0, -1.8), (3.2, 0, -1.8), (3.2, 0.001, 1.8), (-3.2, 0.001, 1.8)], [], [(0, 1, 2, 3)])
    uv = screen.data.uv_layers.new()
    for i, c in enumerate(((0, 0), (1, 0), (1, 1), (0, 1))):
        uv.data[i].uv = c
    material_ = screen_material(os.path.join(out, "plates", "plate_0001.png"), args.frames)
    tex, coords = (next(n for n in material_.node_tree.nodes if n.type == t) for t in ("TEX_IMAGE", "TEX_COORD"))
    material_.node_tree.links.new(coords.outputs["UV"], tex.inputs["Vector"])
    screen.data.materials.append(material_)
    screen.location = (0, 10.4, 6.2)
    set_.objects.link(screen)

    sun = light(scene, "sun", (1.0, 0.85, 0.65), 1600, 3)
    sky = light(scene, "sky", (0.55, 0.7, 1.0), 900, 9)

    def move_sun(o, t):
        o.location = (-9 + 14 * t, -6, 9)
        look_at(o, (0, 3, 1))
    key(sun, "location", move_sun, args.frames)
    key(sun, "rotation_euler", move_sun, args.frames)
    sky.location = (2, -2, 14)

    eye = bpy.data.objects.new("eye", bpy.data.cameras.new("eye"))
    eye.data.lens = 30
    scene.collection.objects.link(eye)
    scene.camera = eye

    def move_eye(o, t):
        a = math.radians(-24 + 48 * t)
        o.location = (13.5 * math.sin(a), 3 - 14.5 * math.cos(a), 3.6 + 1.2 * t)
        look_at(o, (0, 3.6, 2.5))
    key(eye, "location", move_eye, args.frames)
    key(eye, "rotation_euler", move_eye, args.frames)

    world = bpy.data.worlds.new("dusk")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.05, 0.07, 0.12, 1)
    scene.world = world

    scene.frame_start, scene.frame_end = 1, args.frames
    r = scene.render
    r.engine, r.fps = "CYCLES", 24
    r.resolution_x, r.resolution_y, r.resolution_percentage = args.width, args.height, 100
    r.image_settings.file_format, r.image_settings.color_mode, r.image_settings.color_depth = "PNG", "RGB", "8"
    r.use_stamp = r.use_stamp_date = r.use_stamp_time = r.use_stamp_render_time = False
    r.filepath = "//../../render/weir/frame_####"
    c = scene.cycles
    c.device, c.samples, c.use_denoising, c.seed, c.use_adaptive_sampling = "CPU", args.samples, False, args.seed, False
    c.max_bounces = 4
    save(path)


def main():
    args = arguments()
    out = os.path.abspath(args.out)
    textures = make_pictures(out, args.seed, args.frames, args.megabytes)
    library = make_library(out, textures, detail=12 if args.megabytes >= 50 else 4)
    make_shot(out, library, args)
    print("project: %s" % out)


main()
