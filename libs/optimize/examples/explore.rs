#![allow(missing_docs)]
use mesh_optimize::*;
use std::f64::consts::PI;
fn branin(x:&[f64])->f64{let (a,b,c,r,s,t)=(1.0,5.1/(4.0*PI*PI),5.0/PI,6.0,10.0,1.0/(8.0*PI)); a*(x[1]-b*x[0]*x[0]+c*x[0]-r).powi(2)+s*(1.0-t)*x[0].cos()+s}
fn hartmann6(x:&[f64])->f64{
 let al=[1.0,1.2,3.0,3.2];
 let a=[[10.,3.,17.,3.5,1.7,8.],[0.05,10.,17.,0.1,8.,14.],[3.,3.5,1.7,10.,17.,8.],[17.,8.,0.05,10.,0.1,14.]];
 let p=[[1312.,1696.,5569.,124.,8283.,5886.],[2329.,4135.,8307.,3736.,1004.,9991.],[2348.,1451.,3522.,2883.,3047.,6650.],[4047.,8828.,8732.,5743.,1091.,381.]];
 -(0..4).map(|i|{al[i]*(-(0..6).map(|j|a[i][j]*(x[j]-p[i][j]*1e-4f64).powi(2)).sum::<f64>()).exp()}).sum::<f64>()}
fn rastrigin(x:&[f64])->f64{10.0*x.len() as f64+x.iter().map(|v|v*v-10.0*(2.0*PI*v).cos()).sum::<f64>()}
fn shifted(x:&[f64])->f64{let o=[1.3,-2.1,0.7,-0.4,2.6,-1.7,3.1,-2.9,0.2,-3.3];let y:Vec<f64>=x.iter().zip(o).map(|(x,o)|x-o).collect();rastrigin(&y)}
type F=fn(&[f64])->f64;
fn main(){
  let seeds:u64=std::env::args().nth(1).map_or(11,|s|s.parse().unwrap());
  let rounds:Vec<u32>=std::env::args().nth(2).map_or(vec![1],|s|s.split(',').map(|v|v.parse().unwrap()).collect());
  let fs:[(&str,F,Vec<(f64,f64)>);4]=[("branin",branin as F,vec![(-5.,10.),(0.,15.)]),("hartmann6",hartmann6,vec![(0.,1.);6]),("rastrigin10",rastrigin,vec![(-5.12,5.12);10]),("shifted",shifted,vec![(-5.12,5.12);10])];
  for round in rounds { for (name,f,dom) in &fs {
    let t=std::time::Instant::now();
    let mut at200=vec![];let mut at1000=vec![];
    for seed in 0..seeds {
      let space=Space::new(dom.iter().enumerate().map(|(i,(l,h))|Parameter::new(format!("x{i}"),Domain::float(*l,*h))).collect()).unwrap();
      let mut s=Study::new(Spec{space,directions:vec![Direction::Minimise],sampler:Sampler::Tpe(Tpe{round,..Tpe::default()}),budget:1000,seed}).unwrap();
      let mut best=f64::INFINITY;
      let mut q=vec![];
      loop { match s.ask(){ Ask::Trial{number,point}=>{q.push((number,point));}
        a=>{ if q.is_empty(){assert_eq!(a,Ask::Done);break;} for (n,p) in q.drain(..){let x:Vec<f64>=p.codes().iter().map(|c|c.unwrap()).collect();let v=f(&x);best=best.min(v);if n==199{at200.push(best)};if n==999{at1000.push(best)};s.tell(n,Outcome::value(v)).unwrap();}}}}
    }
    at200.sort_by(f64::total_cmp);at1000.sort_by(f64::total_cmp);
    let m=|v:&[f64]|v[v.len()/2];
    println!("round {round} {name}: 200 {:.4} [{:.3} {:.3}]  1000 {:.4} [{:.3} {:.3}]  ms/trial {:.3}",m(&at200),at200[at200.len()/4],at200[at200.len()*3/4],m(&at1000),at1000[at1000.len()/4],at1000[at1000.len()*3/4],t.elapsed().as_secs_f64()*1e3/(seeds as f64*1000.0));
  }}
}
