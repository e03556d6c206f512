Attribute VB_Name = "kpi_udfs_help"
' What Excel says about the functions: in the wizard, and while somebody types.
'
' A hidden sheet holds the texts: function, language, description, then one per argument. Excel forgets them
' when it closes, so they are registered whenever this workbook opens. Nothing here stops it from opening.
Option Explicit
Option Private Module

Private Const HELP_SHEET As String = "kpi_udfs.help"
Private Const GROUP As String = "KPI"
' Excel takes no longer texts.
Private Const LONGEST As Long = 255
' msoLanguageIDUI, of the Office library, to which this project has no reference.
Private Const USER_INTERFACE As Long = 2

Public Sub RegisterHelp()
    Dim texts As Variant, unchanged As Boolean, taken As Boolean, isAddin As Boolean, updating As Boolean
    On Error Resume Next
    unchanged = ThisWorkbook.Saved
    isAddin = ThisWorkbook.IsAddin
    texts = ThisWorkbook.Worksheets(HELP_SHEET).UsedRange.Value2
    ' Should there be no texts, this line fails, and there is nothing to try again.
    taken = True
    taken = Registered(texts, HelpLanguage())
    If isAddin And Not taken Then
        ' Some versions refuse what belongs to a workbook without a window.
        updating = Application.ScreenUpdating
        Application.ScreenUpdating = False
        ThisWorkbook.IsAddin = False
        ThisWorkbook.Windows(1).Visible = True
        Registered texts, HelpLanguage()
        ThisWorkbook.IsAddin = True
        Application.ScreenUpdating = updating
    End If
    ThisWorkbook.Saved = unchanged
End Sub

' Whether Excel took the texts of every function.
Private Function Registered(ByVal texts As Variant, ByVal language As String) As Boolean
    Dim row As Long
    Registered = True
    For row = 2 To UBound(texts, 1)
        If texts(row, 2) = language Then
            If Not RegisteredOne(texts, row) Then Registered = False
        End If
    Next row
End Function

Private Function RegisteredOne(ByVal texts As Variant, ByVal row As Long) As Boolean
    Dim macroName As String, description As String, arguments() As String, count As Long
    ' Another workbook may have functions of the same names.
    macroName = "'" & Replace(ThisWorkbook.Name, "'", "''") & "'!" & texts(row, 1)
    description = Left$(texts(row, 3), LONGEST)
    For count = 0 To UBound(texts, 2) - 4
        If texts(row, 4 + count) = "" Then Exit For
        ReDim Preserve arguments(0 To count)
        arguments(count) = Left$(texts(row, 4 + count), LONGEST)
    Next count
    On Error Resume Next
    If count = 0 Then
        Application.MacroOptions Macro:=macroName, Description:=description, Category:=GROUP
    Else
        Application.MacroOptions Macro:=macroName, Description:=description, Category:=GROUP, _
            ArgumentDescriptions:=arguments
    End If
    RegisteredOne = (Err.Number = 0)
End Function

' KPI_UDFS_LANGUAGE, such as de or fr_CH; else the language of Excel's menus. English where it has no texts.
Private Function HelpLanguage() As String
    Dim wanted As String
    wanted = LCase$(Environ("KPI_UDFS_LANGUAGE"))
    If wanted = "" Then
        HelpLanguage = MenuLanguage()
    Else
        wanted = Split(Replace(wanted, "-", "_"), "_")(0)
        If InStr(" de fr it id ", " " & wanted & " ") = 0 Then wanted = "en"
        HelpLanguage = wanted
    End If
End Function

Private Function MenuLanguage() As String
    Dim host As Object, identifier As Long
    MenuLanguage = "en"
    On Error Resume Next
    Set host = Application
    identifier = host.LanguageSettings.LanguageID(USER_INTERFACE)
    ' The lower ten bits are the language, the others the country.
    Select Case identifier And &H3FF
        Case 7: MenuLanguage = "de"
        Case 12: MenuLanguage = "fr"
        Case 16: MenuLanguage = "it"
        Case 33: MenuLanguage = "id"
    End Select
End Function
