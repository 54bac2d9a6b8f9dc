if (-not [Environment]::UserInteractive) { exit 3 }
Add-Type -AssemblyName System.Windows.Forms, System.Drawing
$form = New-Object System.Windows.Forms.Form -Property @{ Text = 'aws-accounts'; Width = 460; Height = 170
  StartPosition = 'CenterScreen'; FormBorderStyle = 'FixedDialog'; MaximizeBox = $false; MinimizeBox = $false; TopMost = $true }
$label = New-Object System.Windows.Forms.Label -Property @{ Left = 12; Top = 12; Width = 420; Height = 48; UseMnemonic = $false
  Text = $env:AWS_ACCOUNTS_QUESTION }
$text = New-Object System.Windows.Forms.TextBox -Property @{ Left = 12; Top = 64; Width = 420; UseSystemPasswordChar = $true }
$ok = New-Object System.Windows.Forms.Button -Property @{ Left = 276; Top = 96; Text = 'OK'; DialogResult = 'OK' }
$no = New-Object System.Windows.Forms.Button -Property @{ Left = 357; Top = 96; Text = 'Cancel'; DialogResult = 'Cancel' }
$form.Controls.AddRange(@($label, $text, $ok, $no)); $form.AcceptButton = $ok; $form.CancelButton = $no
$form.Add_Shown({ $form.Activate(); $text.Focus() })
if ($form.ShowDialog() -ne 'OK') { exit 2 }
[Console]::Out.Write([Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($text.Text)))
exit 0
