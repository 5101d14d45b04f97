//! Draws a plot as SVG.

use std::path::Path;

use plotters::coord::ranged1d::SegmentedCoord;
use plotters::prelude::*;

use crate::section::{Data, Plot};

const WIDTH: u32 = 760;
const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(60, 60, 60);
const RULE: RGBColor = RGBColor(225, 225, 225);
const COLOURS: [RGBColor; 6] = [
    RGBColor(66, 113, 174),
    RGBColor(221, 132, 67),
    RGBColor(85, 155, 94),
    RGBColor(173, 85, 120),
    RGBColor(120, 120, 120),
    RGBColor(130, 110, 180),
];

/// Draws `plot` into the file at `path`.
pub(super) fn draw(plot: &Plot, path: &Path) -> anyhow::Result<()> {
    match &plot.data {
        Data::Bars { unit, bars } => draw_bars(plot, unit, bars, path),
        Data::Lines { x, unit, lines } => draw_lines(plot, x, unit, lines, path),
    }
    .map_err(|error| anyhow::anyhow!("cannot draw {}: {error}", path.display()))
}

type Outcome = Result<(), Box<dyn std::error::Error>>;
type Bar = (String, f64, f64, f64);
type Line = (String, Vec<(f64, f64)>);

fn draw_bars(plot: &Plot, unit: &str, bars: &[Bar], path: &Path) -> Outcome {
    let count = bars.len();
    let height = 110 + 34 * u32::try_from(count)?;
    let longest = bars
        .iter()
        .map(|bar| bar.0.chars().count())
        .max()
        .unwrap_or(0);
    let top = bars.iter().map(|bar| bar.3).fold(0.0, f64::max) * 1.12;
    let root = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(&plot.caption, (FONT, 17, &INK))
        .margin(10)
        .margin_right(30)
        .x_label_area_size(42)
        .y_label_area_size(u32::try_from(longest * 7 + 12)?)
        .build_cartesian_2d(
            0.0..top.max(f64::MIN_POSITIVE),
            (0..count.saturating_sub(1)).into_segmented(),
        )?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .bold_line_style(RULE)
        .light_line_style(WHITE)
        .axis_style(INK)
        .x_desc(unit)
        .x_labels(8)
        .y_labels(count)
        .y_label_formatter(&|at| match at {
            SegmentValue::CenterOf(at) if *at < count => bars[count - 1 - at].0.clone(),
            _ => String::new(),
        })
        .label_style((FONT, 13, &INK))
        .draw()?;
    for (at, (_, low, middle, high)) in bars.iter().rev().enumerate() {
        let colour = COLOURS[(count - 1 - at) % COLOURS.len()];
        let end = match at + 1 == count {
            true => SegmentValue::Last,
            false => SegmentValue::Exact(at + 1),
        };
        let mut bar = Rectangle::new(
            [(0.0, SegmentValue::Exact(at)), (*middle, end)],
            colour.mix(0.75).filled(),
        );
        bar.set_margin(7, 7, 0, 0);
        chart.draw_series([bar])?;
        whisker(&mut chart, at, *low, *high)?;
        let label = Text::new(
            formatted(*middle),
            (*high + top * 0.01, SegmentValue::CenterOf(at)),
            (FONT, 13, &INK)
                .into_text_style(&root)
                .pos(plotters::style::text_anchor::Pos::new(
                    plotters::style::text_anchor::HPos::Left,
                    plotters::style::text_anchor::VPos::Center,
                )),
        );
        chart.draw_series([label])?;
    }
    root.present()?;
    Ok(())
}

type BarChart<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<
        plotters::coord::types::RangedCoordf64,
        SegmentedCoord<plotters::coord::types::RangedCoordusize>,
    >,
>;

/// From the lowest to the highest, over the bar.
fn whisker(chart: &mut BarChart<'_, '_>, at: usize, low: f64, high: f64) -> Outcome {
    if high > low {
        let middle = SegmentValue::CenterOf(at);
        chart.draw_series([PathElement::new(
            vec![(low, middle.clone()), (high, middle)],
            INK.stroke_width(2),
        )])?;
    }
    Ok(())
}

fn draw_lines(plot: &Plot, x: &str, unit: &str, lines: &[Line], path: &Path) -> Outcome {
    let points = || lines.iter().flat_map(|line| &line.1);
    let left = points().map(|point| point.0).fold(f64::INFINITY, f64::min);
    let right = points().map(|point| point.0).fold(1.0, f64::max);
    let top = points()
        .map(|point| point.1)
        .fold(f64::MIN_POSITIVE, f64::max)
        * 1.25;
    let root = SVGBackend::new(path, (WIDTH, 360)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(&plot.caption, (FONT, 17, &INK))
        .margin(10)
        .margin_right(30)
        .x_label_area_size(42)
        .y_label_area_size(64)
        .build_cartesian_2d((left.min(right)..right * 1.1).log_scale(), 0.0..top)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(RULE)
        .light_line_style(WHITE)
        .axis_style(INK)
        .x_desc(x)
        .y_desc(unit)
        .x_label_formatter(&|value| formatted(*value))
        .y_label_formatter(&|value| formatted(*value))
        .label_style((FONT, 13, &INK))
        .draw()?;
    for (at, (name, points)) in lines.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        chart
            .draw_series(
                LineSeries::new(points.iter().copied(), colour.stroke_width(2)).point_size(3),
            )?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(RULE)
        .label_font((FONT, 13, &INK))
        .draw()?;
    root.present()?;
    Ok(())
}

/// A number with as many digits as are worth reading, and spaces between thousands.
fn formatted(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude == 0.0 {
        return "0".to_owned();
    }
    if magnitude < 10.0 {
        return format!("{value:.3}")
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned();
    }
    let digits = format!("{:.0}", magnitude);
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    if value < 0.0 {
        format!("-{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_bars_are_drawn_as_there_are_and_no_empty_row() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let bars = (0..6)
            .map(|bar| (format!("bar {bar}"), 0.9, 1.0, 1.1))
            .collect();
        let plot = Plot {
            name: "bars".to_owned(),
            caption: "Bars".to_owned(),
            data: Data::Bars {
                unit: "ratio".to_owned(),
                bars,
            },
        };
        draw(&plot, file.path()).expect("drawn");
        let svg = std::fs::read_to_string(file.path()).expect("written");
        assert_eq!(svg.matches("\nbar ").count(), 6, "{svg}");
    }

    #[test]
    fn numbers_are_shown_with_few_digits() {
        for (value, expected) in [
            (0.0, "0"),
            (0.98, "0.98"),
            (1.0, "1"),
            (12.34, "12"),
            (1234.0, "1 234"),
            (-1_234_567.0, "-1 234 567"),
        ] {
            assert_eq!(formatted(value), expected);
        }
    }
}
