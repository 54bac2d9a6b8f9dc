// Package bench measures what a call of aws-accounts costs, beside the least that any program has to pay for the same.
//
// Times differ from machine to machine and from minute to minute. What is compared is therefore measured in turns (A B C, A
// B C, …) in one run, and the ratios of the medians are what counts.
package bench
