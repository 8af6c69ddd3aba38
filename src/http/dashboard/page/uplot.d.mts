// The chart library as the page imports it; the daemon serves it from its package under this name.
import uPlot from 'uplot';

export { uPlot as default };
