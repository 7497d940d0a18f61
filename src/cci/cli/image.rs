//! `cci image`, `cci images`: the images that containers start from.

use cci_core::Result;
use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCandidates;

use super::complete;
use super::image_name::{image_name, short_fingerprint};
use super::json_schema::Described;
use super::output::{Format, FormatArg, TableFormatArg, print};
use super::owner::OwnerArg;
use super::verb::{Call, OnIncus, Verb};
use crate::ui::size::human;
use crate::ui::table::table;
use crate::ui::text::Text;
use cci_engine::context::Context;
use cci_engine::image::{self, Ask, Cleaned, Deleted, ListedImage, Published, Selection};
use cci_host::zone::Zone;

/// List, create and remove images
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cci image list\n  cci image publish cci-9c09f805-1 my-image --description \"with my tools\"\n  cci image cleanup cci- --keep 3"
)]
pub(crate) struct ImageArgs {
    #[command(subcommand)]
    verb: ImageVerb,
}

#[derive(Debug, Subcommand)]
enum ImageVerb {
    /// Show the images
    List(ListArgs),
    /// Create an image from a container, which is not changed
    Publish(PublishArgs),
    /// Remove an image with all its names
    Delete(DeleteArgs),
    /// Tell by the exit status whether an image exists
    #[command(after_help = "Examples:\n  cci image exists cci || cci build\n\nExit status: 0 it exists, 1 it does not")]
    Exists {
        /// Alias or fingerprint
        #[arg(add = ArgValueCandidates::new(complete::images))]
        name: String,
    },
    /// Remove all but the newest images of a dated series
    Cleanup(CleanupArgs),
}

// what `image list` and `images` take
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cci image list\n  cci image list --prefix cci-rust-\n  cci images --all --format=json | jq -r '.[].aliases[]'"
)]
pub(crate) struct ListArgs {
    /// Every image of the project, not only cci's
    #[arg(long)]
    all: bool,
    /// Only images with an alias that starts with this
    #[arg(long, value_name = "P")]
    prefix: Option<String>,
    #[command(flatten)]
    format: TableFormatArg,
}

/// Create an image from a container, which is not changed
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cci image publish cci-9c09f805-1 my-image\n  cci image publish my-container my-image --description \"Custom build\" --force"
)]
struct PublishArgs {
    /// The container, running or stopped
    #[arg(add = ArgValueCandidates::new(complete::containers))]
    container: String,
    /// The alias of the new image
    alias: String,
    #[command(flatten)]
    owner: OwnerArg,
    /// The description of the image
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Take the alias from the image that has it
    #[arg(long, short)]
    force: bool,
    #[command(flatten)]
    format: FormatArg,
}

/// Remove an image with all its names
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cci image delete my-image")]
struct DeleteArgs {
    /// Alias or fingerprint
    #[arg(add = ArgValueCandidates::new(complete::images))]
    name: String,
    #[command(flatten)]
    owner: OwnerArg,
    #[command(flatten)]
    format: FormatArg,
}

/// Remove all but the newest images of a dated series
#[derive(Debug, Args)]
#[command(
    after_help = "The images of the series are called PREFIX...YYYYMMDD-HHMMSS. One that also has another name, such as plain `cci`, is kept.\n\nExamples:\n  cci image cleanup cci- --keep 3\n  cci image cleanup cci-rust-node-42- --keep 1"
)]
struct CleanupArgs {
    /// What the names start with
    prefix: String,
    /// How many to keep, 1 or more
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = at_least_one)]
    keep: usize,
    #[command(flatten)]
    format: FormatArg,
}

impl Verb for ImageArgs {
    const SCHEMAS: &'static [Described] = &[
        Described::new::<Cleaned>("image-cleanup", "the removed images"),
        Described::new::<Deleted>("image-delete", "the removed image"),
        Described::new::<Vec<ListedImage>>("image-list", "the images"),
        Described::new::<Published>("image-publish", "the new image"),
    ];

    fn format(&self) -> Option<Format> {
        match &self.verb {
            ImageVerb::List(args) => args.format(),
            ImageVerb::Publish(args) => Some(args.format.format),
            ImageVerb::Delete(args) => Some(args.format.format),
            ImageVerb::Cleanup(args) => Some(args.format.format),
            ImageVerb::Exists { .. } => None,
        }
    }
}

impl OnIncus for ImageArgs {
    async fn run(self, _: &Call<'_>, cx: &Context) -> Result<u8> {
        match &self.verb {
            ImageVerb::List(args) => list(args, cx).await,
            ImageVerb::Publish(args) => publish(args, cx).await,
            ImageVerb::Delete(args) => {
                print(args.format.format, &image::delete(&args.owner.reach(cx), &args.name).await?, deleted)
            }
            ImageVerb::Exists { name } => Ok(u8::from(!image::exists(cx, name).await?)),
            ImageVerb::Cleanup(args) => {
                let done = image::cleanup(cx, &args.prefix, args.keep).await?;
                print(args.format.format, &done, cleaned)
            }
        }
    }
}

impl Verb for ListArgs {
    fn format(&self) -> Option<Format> {
        Some(self.format.format.into())
    }
}

impl OnIncus for ListArgs {
    async fn run(self, _: &Call<'_>, cx: &Context) -> Result<u8> {
        list(&self, cx).await
    }
}

async fn list(args: &ListArgs, cx: &Context) -> Result<u8> {
    let selection = match (&args.prefix, args.all) {
        (Some(prefix), _) => Selection::Prefix(prefix.clone()),
        (None, true) => Selection::All,
        (None, false) => Selection::Ours,
    };
    let heading = if args.all { "All Local Images:" } else { "Available Images:" };
    print(args.format.format, &image::list(cx, &selection).await?, |images| listed(heading, images))
}

async fn publish(args: &PublishArgs, cx: &Context) -> Result<u8> {
    let ask = Ask {
        container: args.container.clone(),
        alias: image_name(&args.alias)?,
        description: args.description.clone(),
        force: args.force,
    };
    let published = image::publish(&args.owner.reach(cx), &ask).await?;
    print(args.format.format, &published, |Published { alias, fingerprint }| {
        Text::one(format_args!("Published {} as image '{alias}' ({})", ask.container, short_fingerprint(fingerprint)))
    })
}

fn listed(heading: &str, images: &[ListedImage]) -> Text {
    if images.is_empty() {
        return Text::one("No images found");
    }
    let zone = Zone::of_this_process();
    let row = |image: &ListedImage| {
        [
            image.aliases.join(", "),
            short_fingerprint(&image.fingerprint).to_owned(),
            human(image.size),
            zone.shown(&image.created_at),
            image.description.clone(),
        ]
    };
    let headings = ["ALIAS", "FINGERPRINT", "SIZE", "CREATED", "DESCRIPTION"];
    let mut out = Text::one(heading);
    out.append(&table(headings, images.iter().map(row)));
    out
}

fn deleted(image: &Deleted) -> Text {
    Text::one(format_args!("Deleted image {}", named(image)))
}

fn cleaned(done: &Cleaned) -> Text {
    let lines = done.deleted.iter().map(|image| format!("Deleted image {}", named(image)));
    lines.collect::<Text>().with("Cleanup complete")
}

fn named(image: &Deleted) -> String {
    let fingerprint = short_fingerprint(&image.fingerprint);
    if image.aliases.is_empty() {
        return fingerprint.to_owned();
    }
    format!("'{}' ({fingerprint})", image.aliases.join("', '"))
}

/// How many images to keep; with none there would be nothing to start from.
fn at_least_one(raw: &str) -> Result<usize, String> {
    raw.parse().ok().filter(|number| *number > 0).ok_or_else(|| "expected a number of 1 or more".to_owned())
}
