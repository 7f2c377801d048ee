//! Folders of pictures: what is read, and what is refused in one line.

use image::{GrayAlphaImage, GrayImage, RgbImage, RgbaImage};

use super::*;

/// Saves a picture of one row as `name` in a folder, which is made.
fn save(folder: &Path, name: &str, picture: impl Into<DynamicImage>) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    picture.into().save_with_format(path, ImageFormat::Png).unwrap();
}

fn grey(pixels: &[u8]) -> GrayImage {
    GrayImage::from_raw(pixels.len() as u32, 1, pixels.to_vec()).unwrap()
}

fn pixels(images: &tch::Tensor, data: &ImageData) -> Vec<f32> {
    Vec::try_from(((images * data.std + data.mean) * 255.0).round().reshape([-1])).unwrap()
}

fn refusal(folder: &Path) -> String {
    let line = format!("{:#}", load(folder, Device::Cpu).unwrap_err());
    assert!(line.contains(folder.to_str().unwrap()) && !line.contains('\n'), "{line}");
    line
}

#[test]
fn folders_of_train_and_test_are_read_in_the_order_of_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    for (name, pixels) in [
        ("train/10/a.png", [1, 2]),
        ("train/9/b.PNG", [3, 4]),
        ("train/9/a.png", [5, 6]),
        ("test/10/a.png", [7, 8]),
        ("test/9/a.png", [9, 10]),
    ] {
        save(folder.path(), name, grey(&pixels));
    }
    fs::write(folder.path().join("train/9/.hidden"), "").unwrap();
    assert!(is_meant(folder.path()));
    let data = load(folder.path(), Device::Cpu).unwrap();
    assert_eq!((data.height, data.width, data.num_classes), (1, 2, 2));
    assert_eq!(pixels(&data.train.images, &data), [5.0, 6.0, 3.0, 4.0, 1.0, 2.0]);
    assert_eq!(Vec::<i64>::try_from(&data.train.labels).unwrap(), [0, 0, 1]);
    assert_eq!(pixels(&data.test.images, &data), [9.0, 10.0, 7.0, 8.0]);
    assert_eq!(data.source["classes"], json!(["9", "10"]));
    // What sha256sum prints, in the order of the bytes.
    let sum = |name: &str| sha256_of(&[&fs::read(folder.path().join("train").join(name)).unwrap()]);
    let names = ["10/a.png", "9/a.png", "9/b.PNG"];
    let lines: String = names.iter().map(|name| format!("{}  {name}\n", sum(name))).collect();
    assert_eq!(data.source["files"][0]["sha256"], sha256_of(&[lines.as_bytes()]));
}

#[test]
fn of_one_folder_every_fifth_picture_of_a_class_is_of_the_test() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..10u8 {
        let colour = RgbImage::from_raw(1, 1, vec![number, 100 + number, 200 + number]).unwrap();
        save(folder.path(), &format!("cat/{number}.png"), colour);
        let clear = RgbaImage::from_raw(1, 1, vec![50 + number, 0, 0, 255]).unwrap();
        save(folder.path(), &format!("dog/{number}.png"), clear);
    }
    let data = load(folder.path(), Device::Cpu).unwrap();
    assert_eq!((data.height, data.width, data.train.len(), data.test.len()), (3, 1, 16, 4));
    assert_eq!(pixels(&data.test.images.get(0), &data), [4.0, 104.0, 204.0]);
    assert_eq!(pixels(&data.test.images.get(2), &data), [54.0, 0.0, 0.0]);
    assert_eq!(Vec::<i64>::try_from(&data.test.labels).unwrap(), [0, 0, 1, 1]);
    fs::write(folder.path().join("cat/a.JPG"), "").unwrap();
    assert!(refusal(folder.path()).contains("a.JPG: only PNG pictures are read"));
    fs::remove_file(folder.path().join("cat/a.JPG")).unwrap();
    fs::remove_dir_all(folder.path().join("dog")).unwrap();
    save(folder.path(), "dog/a.png", RgbImage::new(1, 1));
    assert!(refusal(folder.path()).contains("dog has 1 picture, expected 5 or more"));
}

#[test]
fn what_can_t_be_a_set_is_refused_with_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::create_dir_all(path.join("train")).unwrap();
    let test = path.join("test");
    assert!(refusal(path).ends_with(&format!("no folder {}", test.display())));
    fs::create_dir(&test).unwrap();
    assert!(refusal(path).contains("train: expected a folder of PNG pictures for each class"));
    for name in ["train/a/1.png", "train/b/1.png", "test/a/1.png"] {
        save(path, name, grey(&[1, 2]));
    }
    assert!(refusal(path).contains("test/b: expected PNG pictures, found none"));
    save(path, "test/b/1.png", grey(&[3, 4]));
    assert!(load(path, Device::Cpu).is_ok());
    save(path, "test/c/1.png", grey(&[3, 4]));
    assert!(refusal(path).contains("test/c is no class of "));
    fs::remove_dir_all(path.join("test/c")).unwrap();
    let bad = path.join("train/a/2.png");
    for (picture, words) in [
        (
            DynamicImage::from(grey(&[1, 2, 3])),
            "1 x 3 pixels in grey, expected 1 x 2 pixels in grey as of",
        ),
        (RgbImage::new(2, 1).into(), "1 x 2 pixels in colour, expected 1 x 2 pixels in grey"),
        (DynamicImage::new_luma16(2, 1), "16 bits a colour"),
        (GrayAlphaImage::new(2, 1).into(), "transparent pixels"),
    ] {
        save(path, "train/a/2.png", picture);
        let line = refusal(path);
        assert!(line.contains(bad.to_str().unwrap()) && line.contains(words), "{line}");
    }
    let whole = fs::read(path.join("train/a/1.png")).unwrap();
    for length in [0, 20, whole.len() / 2, whole.len() - 14] {
        fs::write(&bad, &whole[..length]).unwrap();
        assert!(refusal(path).contains("not a whole PNG picture"), "{length}");
    }
    fs::rename(&bad, path.join("train/a/2.jpg")).unwrap();
    assert!(refusal(path).contains("2.jpg: only PNG pictures are read"));
}

#[test]
fn pictures_in_the_wrong_depth_are_told_where_they_go() {
    let folder = tempfile::tempdir().unwrap();
    save(folder.path(), "a.png", grey(&[1]));
    assert!(is_meant(folder.path()));
    assert!(refusal(folder.path()).contains("expected a folder of PNG pictures for each class"));
    let folder = tempfile::tempdir().unwrap();
    save(folder.path(), "mine/cat/a.png", grey(&[1]));
    save(folder.path(), "more/a.png", grey(&[1]));
    assert!(refusal(folder.path()).contains("mine/cat: a folder in the folder of a class"));
}
