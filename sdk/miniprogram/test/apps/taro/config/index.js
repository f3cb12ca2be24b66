module.exports = {
  projectName: 'app',
  designWidth: 750,
  sourceRoot: 'src',
  outputRoot: 'dist',
  framework: 'react',
  plugins: [],
  compiler: 'vite',
  mini: {},
};
