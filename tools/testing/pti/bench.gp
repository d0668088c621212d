# SPDX-License-Identifier: GPL-2.0-only
#
# One chart of "make bench": a bar of stock and one of ours for each row, with the
# values at the bars. charts.gp, which bench_report writes, calls this with
#
#	ARG1 CSV file, ARG2 SVG file, ARG3 title, ARG4 unit,
#	ARG5 1: the bars are the percentages, and what was added stands in a second line,
#	ARG6, ARG7 how far down and up the bars go

reset
set terminal svg size (ARG5 + 0 ? 1500 : 1280),520 dynamic font "sans-serif,13" background "white"
set output ARG2
set datafile separator ","
set title ARG3."; less is better" noenhanced font ",17"
set ylabel ARG4 noenhanced
set style data histogram
set style histogram clustered gap 1
set style fill solid 1.0 noborder
set boxwidth 0.92
set grid ytics lc rgb "#dddddd"
set xtics rotate by -28 noenhanced scale 0
set xzeroaxis lt 1 lc rgb "#444444"
set key outside top right horizontal noenhanced
set bmargin 6
set rmargin 8

# Columns of the CSV file
parts = ARG5 + 0
stock = parts ? 5 : 3
ours = parts ? 6 : 4
number(x) = x == floor(x) ? sprintf("%d", x) : sprintf("%.1f", x)
label(c) = column(c) != column(c) ? "?" : \
	parts ? sprintf("%.1f%%\n%s", column(c), number(column(c - 2))) : number(column(c))
above(c) = column(c) > 0 ? column(c) : 0
lift = parts ? 1.3 : 0.7

# Room for the labels
low = ARG6 + 0
high = ARG7 + 0
span = high - low
set yrange [low < 0 ? low - span * 0.05 : 0 : high + span * 0.18]

plot ARG1 skip 1 using (column(stock)):xtic(1) title "stock kernel" lc rgb "#9a9a9a", \
	'' skip 1 using (column(ours)) title "ours" lc rgb "#1f6fb4", \
	'' skip 1 using ($0 - 1/6.0):(above(stock)):(label(stock)) with labels \
		font ",10" offset 0, lift notitle, \
	'' skip 1 using ($0 + 1/6.0):(above(ours)):(label(ours)) with labels \
		font ",10" offset 0, lift notitle
set output
